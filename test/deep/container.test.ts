// The official nats image with our nats.conf, as docker-compose runs it: provisioning and the mapping hold there too.
// Needs a container engine; where there is none it says so and passes.
import { connect } from "@nats-io/transport-node";
import { GenericContainer, getContainerRuntimeClient, Wait } from "testcontainers";
import { expect, test } from "vitest";
import { provision } from "../../lib/nats/provision.ts";
import { mappings } from "../../lib/server/conf.ts";
import { testDataSet } from "../support/nats.ts";

const IMAGE = "nats:2.12-alpine";
const PARTITIONS = 4;

async function hasEngine(): Promise<boolean> {
  try {
    await getContainerRuntimeClient();
    return true;
  } catch {
    return false;
  }
}

test("the official image with our configuration carries a data set", { timeout: 180_000 }, async () => {
  if (!(await hasEngine())) {
    process.stdout.write("container: no container engine answers here, so the official image was not tried\n");
    return;
  }
  const conf = `jetstream { store_dir: /data }\nmax_payload: 8MB\n${mappings({ name: "", partitions: PARTITIONS })}\n`;
  const container = await new GenericContainer(IMAGE)
    .withCopyContentToContainer([{ content: conf, target: "/etc/nats/rollcall.conf" }])
    .withCommand(["-c", "/etc/nats/rollcall.conf"])
    .withExposedPorts(4222)
    .withWaitStrategy(Wait.forLogMessage(/Server is ready/))
    .start();
  try {
    const nc = await connect({ servers: `${container.getHost()}:${container.getMappedPort(4222)}` });
    const report = await provision(nc, testDataSet({ partitions: PARTITIONS }), { create: true });
    expect(report.probed).toBeTruthy();
    await nc.close();
  } finally {
    await container.stop();
  }
});
