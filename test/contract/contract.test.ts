// The contract in both worlds of this machine: memory, and a real nats-server. In containers: test/containers.
import { contract } from "./suite.ts";
import { WORLDS } from "./worlds.ts";

contract(WORLDS);
