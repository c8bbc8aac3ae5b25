// Runs one side of a bench in a process of its own; from sources (the test suite) in this one, since Node cannot load them.
import { fork } from "node:child_process";
import { fileURLToPath } from "node:url";

/** `module` is the side's compiled file; `name` the function it exports. Its answer must survive JSON. */
export async function inChild<Spec, Answer>(module: URL, name: string, spec: Spec): Promise<Answer> {
  if (module.pathname.endsWith(".ts")) {
    const loaded = (await import(module.href)) as Record<string, (spec: Spec) => Promise<Answer>>;
    return loaded[name]!(spec);
  }
  const child = fork(fileURLToPath(new URL("./child-main.js", import.meta.url)), [module.href, name], {
    execArgv: ["--expose-gc"],
    stdio: ["ignore", "inherit", "inherit", "ipc"],
  });
  return new Promise((resolve, reject) => {
    let answer: Answer | undefined;
    child.once("message", (message) => {
      answer = message as Answer;
    });
    child.once("error", reject);
    child.once("exit", (code) => {
      if (answer !== undefined && code === 0) resolve(answer);
      else reject(new Error(`${name} ended with code ${code} and no answer`));
    });
    child.send(spec as object);
  });
}

/** The file beside the caller, as sources or compiled. */
export function beside(url: string, path: string): URL {
  return new URL(url.endsWith(".ts") ? `${path}.ts` : `${path}.js`, url);
}
