// Says what is going on while a server is fetched: plain lines, or on a terminal one line that is rewritten.
// Used by fetch.ts; always on stderr, so that stdout keeps to what a command answers.

export interface Progress {
  /** A new step begins. */
  step(text: string): void;
  /** How far the current step is, 0 … 1. Shown on a terminal only. */
  fraction(done: number): void;
  /** The current step came to nothing; the next one is tried. */
  failed(reason: string): void;
  done(text: string): void;
}

interface Output {
  readonly isTTY?: boolean | undefined;
  write(text: string): unknown;
}

const SPINNER = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"];
const FRAME_MS = 80;

export function progressOn(output: Output = process.stderr): Progress {
  return output.isTTY === true ? terminalProgress(output) : lineProgress(output);
}

function lineProgress(output: Output): Progress {
  const line = (text: string): void => void output.write(`nats-server: ${text}\n`);
  return { step: (text) => line(`${text} …`), fraction() {}, failed: (reason) => line(reason), done: line };
}

function terminalProgress(output: Output): Progress {
  let text = "";
  let percent = "";
  let frame = 0;
  let timer: NodeJS.Timeout | undefined;
  const draw = (): void => {
    frame = (frame + 1) % SPINNER.length;
    output.write(`\r\x1b[K${SPINNER[frame]} nats-server: ${text}${percent}`);
  };
  const finish = (mark: string, last: string): void => {
    clearInterval(timer);
    timer = undefined;
    output.write(`\r\x1b[K${mark} nats-server: ${last}\n`);
  };
  return {
    step(next) {
      text = next;
      percent = "";
      timer ??= setInterval(draw, FRAME_MS).unref();
      draw();
    },
    fraction(done) {
      const now = ` ${Math.floor(done * 100)} %`;
      if (now === percent) return;
      percent = now;
      draw();
    },
    failed: (reason) => finish("✗", reason),
    done: (last) => finish("✓", last),
  };
}
