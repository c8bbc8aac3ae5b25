// A definition as somebody would write it: YAML, small tables and lists on one line. For `segments show`.
import { Document, isCollection, visit } from "yaml";
import type { Json } from "../core/types.ts";
import { plain } from "./style.ts";

const ONE_LINE_MAX = 70;

export function describeRule(definition: Json): string {
  const document = new Document(definition);
  visit(document, {
    Collection(key, node) {
      if (key !== null && isCollection(node) && JSON.stringify(node.toJSON()).length <= ONE_LINE_MAX) node.flow = true;
    },
  });
  return document.toString({ lineWidth: 100 }).split("\n").map(plain).join("\n");
}
