// The official nats image with our configuration, as docker-compose.yml runs it: provisioning and the mapping hold there too.
// Tried only where the image is on this machine already; nothing is pulled.
import { connect } from "@nats-io/transport-node";
import { getContainerRuntimeClient, ImageName } from "testcontainers";
import { expect, test } from "vitest";
import { provision } from "../../lib/nats/provision.ts";
import { testDataSet } from "../support/nats.ts";
import { freePorts } from "../support/ports.ts";
import { imageBuilt, serverConf, startContainer } from "./engine.ts";

const IMAGE = "nats:2.12-alpine";
const PARTITIONS = 4;

const isHere = async (): Promise<boolean> =>
  (await getContainerRuntimeClient()).image.exists(ImageName.fromString(IMAGE));

const here = imageBuilt() && (await isHere());
if (imageBuilt() && !here) process.stdout.write(`Not tried: ${IMAGE} is not on this machine.\n`);

test.skipIf(!here)("the official image with our configuration carries a data set", async () => {
  const [port] = await freePorts(1);
  const container = await startContainer({ image: IMAGE, conf: serverConf(PARTITIONS, port!) });
  try {
    const nc = await connect({ servers: `127.0.0.1:${port}` });
    const report = await provision(nc, testDataSet({ partitions: PARTITIONS }), { create: true });
    expect(report.probed).toBe(PARTITIONS);
    await nc.close();
  } finally {
    await container.stop();
  }
});
