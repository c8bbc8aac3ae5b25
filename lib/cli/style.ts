// Colour and signs for a terminal, and none where nobody sees them. Every command's output goes through here.
// NO_COLOR switches colour off, FORCE_COLOR on; else a terminal decides (https://no-color.org).

export interface Style {
  readonly bold: Paint;
  readonly dim: Paint;
  readonly red: Paint;
  readonly green: Paint;
  readonly yellow: Paint;
  readonly cyan: Paint;
}

export type Paint = (text: string) => string;

interface Output {
  readonly isTTY?: boolean | undefined;
}

export function styleFor(output: Output, env: NodeJS.ProcessEnv = process.env): Style {
  const coloured = wantsColour(output, env);
  const paint = (open: number, close: number): Paint =>
    coloured ? (text) => `\x1b[${open}m${text}\x1b[${close}m` : (text) => text;
  return {
    bold: paint(1, 22),
    dim: paint(2, 22),
    red: paint(31, 39),
    green: paint(32, 39),
    yellow: paint(33, 39),
    cyan: paint(36, 39),
  };
}

function wantsColour(output: Output, env: NodeJS.ProcessEnv): boolean {
  if (env.NO_COLOR !== undefined && env.NO_COLOR !== "") return false;
  if (env.FORCE_COLOR !== undefined && env.FORCE_COLOR !== "" && env.FORCE_COLOR !== "0") return true;
  return output.isTTY === true && env.TERM !== "dumb";
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: the escape character is what is looked for
const ESCAPES = /\x1b\[[0-9;]*m/g;

/** Columns that the text takes on a terminal. */
export function widthOf(text: string): number {
  return [...text.replace(ESCAPES, "")].length;
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what must not reach a terminal
const CONTROLS = /[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g;

/** Text from events and ids, made harmless: nothing that somebody sends may move the cursor or turn the line around. */
export function plain(text: string): string {
  return text.replace(CONTROLS, "�");
}
