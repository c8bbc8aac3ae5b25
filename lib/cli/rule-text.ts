// A definition as somebody would write it: YAML, for `segments show`.
import { stringify } from "yaml";
import type { Json } from "../core/types.ts";
import { plain } from "./style.ts";

export function describeRule(definition: Json): string {
  return stringify(definition, { lineWidth: 100, flowCollectionPadding: true }).split("\n").map(plain).join("\n");
}
