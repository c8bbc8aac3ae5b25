// The contract again, against servers in containers: one, and three that keep every stream three times.
// Skipped where no container engine answers; setup.ts says so.
import { describe } from "vitest";
import { openNatsWorld } from "../contract/nats-world.ts";
import { contract } from "../contract/suite.ts";
import { type ContractWorld, PARTITIONS } from "../contract/worlds.ts";
import { ContainerServers, imageBuilt } from "./engine.ts";

const NO_TAIL = "its store lies inside the container";

const world = (name: string, count: 1 | 3): ContractWorld => ({
  name,
  losesNoTail: NO_TAIL,
  open: async () => {
    process.stdout.write(`Not tried with ${name}: a log that loses its tail, since ${NO_TAIL}.\n`);
    return openNatsWorld(await ContainerServers.start(count, PARTITIONS));
  },
});

describe.skipIf(!imageBuilt())("in containers", () => {
  contract([world("one nats-server", 1), world("three nats-servers", 3)]);
});
