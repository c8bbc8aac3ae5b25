// Text that is broken at blanks to fit a width. Used wherever a line of a table or a finding may be longer than the terminal.
import { widthOf } from "./style.ts";

/** A word that is longer than the line stands whole. Blanks at the beginning stay: they indent what may be copied. */
export function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = /^ */.exec(text)![0];
  let empty = true;
  for (const word of text.trimStart().split(" ")) {
    if (!empty && widthOf(line) + 1 + widthOf(word) > width) {
      lines.push(line);
      line = word;
    } else line += empty ? word : ` ${word}`;
    empty = false;
  }
  return [...lines, line];
}
