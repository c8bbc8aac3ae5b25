// Runs one side of a bench in a process of its own; from sources (the test suite) in this one, since Node cannot load them.
import { fork } from "node:child_process";
import { fileURLToPath } from "node:url";

/** `module` is the file that exports `side` under its own name. What goes to it and comes back must survive JSON. */
export async function inChild<Spec extends object, Answer>(
  module: URL,
  side: (spec: Spec) => Promise<Answer>,
  spec: Spec,
): Promise<Answer> {
  if (module.pathname.endsWith(".ts")) return side(spec);
  const child = fork(fileURLToPath(new URL("./child-main.js", import.meta.url)), [module.href, side.name], {
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
      else reject(new Error(`${side.name} ended with code ${code} and no answer`));
    });
    child.send(spec);
  });
}

/** The file beside the caller, as sources or compiled. */
export function beside(url: string, path: string): URL {
  return new URL(url.endsWith(".ts") ? `${path}.ts` : `${path}.js`, url);
}
