// The time now, as the wall clock of a zone shows it, and when it next shows something that a test asks for (rules.md 4.11).
// evaluate.ts reads the record, due.ts asks for the instants; time.ts knows zones.
import type { TestPart, Where } from "../core/rules/ast.ts";
import type { Millis } from "../core/types.ts";
import { everyMinute, type Moment, minuteAfter, rangeInstants, wallClockOf, wallInstants } from "./time.ts";
import { HeldDate, isTimeOfDay } from "./values.ts";

/** What a `clock` rule reads. */
export function clockRecord({ clock, zone }: Moment): Record<string, unknown> {
  return { ...wallClockOf(clock, zone), now: new HeldDate(clock) };
}

/** The instants ahead at which the record may pass a test or fail it, as far as tomorrow's midnight at least. */
export function clockInstants(where: Where, { clock, zone }: Moment): Millis[] {
  const parts = partsOf(where);
  const ranges = parts.flatMap((part) => (part.op === "date" ? rangeInstants(part.window, zone) : []));
  // At midnight the weekday changes, and every test of the time begins anew.
  const times = new Set(["00:00", ...parts.flatMap(timesOf)]);
  return [...ranges, ...wallInstants(clock, times, zone)];
}

function partsOf(where: Where): TestPart[] {
  if (where.op === "not") return partsOf(where.where);
  return where.op === "test" ? [...where.test] : where.wheres.flatMap(partsOf);
}

/** The times of day at which a test may change its answer: a minute that it names, and the one after. */
function timesOf(part: TestPart): string[] {
  return operandsOf(part).flatMap((operand) =>
    typeof operand === "string" && isTimeOfDay(operand) ? [operand, minuteAfter(operand)] : [],
  );
}

function operandsOf(part: TestPart): readonly unknown[] {
  switch (part.op) {
    case "exists":
    case "date":
    case "delta":
      return [];
    case "in":
    case "notIn":
    case "includesAll":
      return part.values;
    case "between":
      return [part.low, part.high];
    case "eq":
    case "ne":
    case "gt":
    case "gte":
    case "lt":
    case "lte":
      return [part.value];
    default:
      // A part of a text: any minute may bring it.
      return everyMinute();
  }
}
