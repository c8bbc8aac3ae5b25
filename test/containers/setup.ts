// Before and after all tests of containers: is there an engine that answers, and the image that they run. Nothing is pulled.
// The image holds the nats-server that the other tests use, and the libraries that it is linked against.
import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { cp, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { GenericContainer, getContainerRuntimeClient } from "testcontainers";
import { ensureServer } from "../../lib/server/fetch.ts";
import { BINARY_DIR } from "../support/nats.ts";
import { IMAGE_VARIABLE, RUN_LABEL, RUN_VARIABLE } from "./engine.ts";

const command = promisify(execFile);
const REPOSITORY = "rollcall-test/nats-server";
/** What a shell says of a process that a signal ended. */
const SIGNALLED = 130;
const DOCKERFILE = `FROM scratch
COPY root/ /
ENTRYPOINT ["/nats-server"]
`;

export default async function setup(): Promise<() => Promise<void>> {
  // The library's own reaper is an image that would have to be pulled; `sweep` removes what a run leaves behind.
  process.env.TESTCONTAINERS_RYUK_DISABLED = "true";
  // On the host's network nobody needs the engine's bridge, which the library would look for, and some engines have none.
  process.env.TESTCONTAINERS_HOST_OVERRIDE ??= "127.0.0.1";
  const why = await whyNot();
  if (why !== undefined) {
    process.stdout.write(`\nContainers are not tried: ${why}\n`);
    return async () => undefined;
  }
  await sweep((run) => !isAlive(run));
  const run = `${process.pid}-${randomBytes(4).toString("hex")}`;
  const sweepOurs = (): Promise<void> => sweep((other) => other === run);
  for (const signal of ["SIGINT", "SIGTERM"] as const) sweepBefore(signal, sweepOurs);
  const image = `${REPOSITORY}:${run}`;
  await build(image);
  process.env[RUN_VARIABLE] = run;
  process.env[IMAGE_VARIABLE] = image;
  return sweepOurs;
}

/** Vitest, which listens for it too, would end the process at once. */
function sweepBefore(signal: "SIGINT" | "SIGTERM", sweepOurs: () => Promise<void>): void {
  process.removeAllListeners(signal);
  process.once(signal, () => void sweepOurs().finally(() => process.exit(SIGNALLED)));
}

/** A sentence, where containers cannot be tried; tests never install or start an engine. */
async function whyNot(): Promise<string | undefined> {
  if (process.platform !== "linux") return "the containers share the host's network, which takes Linux.";
  try {
    await getContainerRuntimeClient();
    return undefined;
  } catch (error) {
    return `no container engine answers here (${(error as Error).message}).`;
  }
}

async function build(image: string): Promise<void> {
  const { binary } = await ensureServer({ dataDir: BINARY_DIR });
  const context = await mkdtemp(join(tmpdir(), "rollcall-image-"));
  try {
    const root = join(context, "root");
    await copyTo(root, binary, "/nats-server");
    for (const library of await librariesOf(binary)) await copyTo(root, library, library);
    await writeFile(join(context, "Dockerfile"), DOCKERFILE);
    await GenericContainer.fromDockerfile(context).build(image, { deleteOnExit: false });
  } finally {
    await rm(context, { recursive: true, force: true });
  }
}

/** The loader and the libraries that it looks for, at the paths where it looks; none when it is linked statically. */
async function librariesOf(binary: string): Promise<string[]> {
  const { stdout } = await command("ldd", [binary]).catch(() => ({ stdout: "" }));
  return [...stdout.matchAll(/^\s*(?:\S+ => )?(\/\S+) \(0x/gm)].map(([, path]) => path!);
}

async function copyTo(root: string, from: string, to: string): Promise<void> {
  const target = join(root, to);
  await mkdir(dirname(target), { recursive: true });
  await cp(from, target, { dereference: true });
}

/** Whatever became of the tests, containers and images go: ours at the end, and those of a run that was killed at the next start. */
async function sweep(isOver: (run: string) => boolean): Promise<void> {
  const { dockerode } = (await getContainerRuntimeClient()).container;
  for (const { Id, Labels } of await dockerode.listContainers({ all: true, filters: { label: [RUN_LABEL] } }))
    if (isOver(Labels[RUN_LABEL]!)) await dockerode.getContainer(Id).remove({ force: true, v: true });
  for (const { RepoTags } of await dockerode.listImages({ filters: { reference: [REPOSITORY] } }))
    for (const tag of RepoTags ?? [])
      if (isOver(tag.split(":")[1]!)) await dockerode.getImage(tag).remove({ force: true });
}

/** A run is named after the process that it runs in, on this machine. */
function isAlive(run: string): boolean {
  try {
    return process.kill(Number(run.split("-")[0]), 0);
  } catch {
    return false;
  }
}
