// What one occurrence gives one counter: the numbers and values that enter it, whether its window takes it at all, and
// the refusal of a new value where no room is left. event-step.ts and item-step.ts find the occurrences.
import type { Path } from "../../rules/ast.ts";
import type { Json, JsonObject, Millis } from "../../types.ts";
import type { CounterPlan } from "../plan/shapes.ts";
import { amountOf, scalarsAt } from "../values.ts";
import { addOccurrence, type Contribution, type CounterState, type Placed } from "./counters.ts";

/** Filled anew for every counter: an event may feed dozens. */
const given: Contribution = { at: 0, day: 0, number: 0, value: undefined, visitStart: 0 };

/** Adds one entry, or one for each value that a path through a list finds. False when a new value found no room. */
export function contribute(
  counter: CounterPlan,
  state: CounterState,
  record: JsonObject,
  placed: Placed,
  clock: Millis,
  distinctMax: number,
): boolean {
  const { shape } = counter;
  given.at = placed.at;
  given.day = placed.day;
  given.visitStart = placed.visitStart;
  switch (shape.aggregate) {
    case "count":
    case "first":
    case "latest":
      return addOccurrence(shape, state, given, clock, distinctMax);
    case "distinct": {
      let room = true;
      for (const value of distinctOf(counter, record)) {
        given.value = value;
        room = addOccurrence(shape, state, given, clock, distinctMax) && room;
      }
      return room;
    }
    default:
      for (const number of contributedNumbers(counter, record)) {
        given.number = number;
        addOccurrence(shape, state, given, clock, distinctMax);
      }
      return true;
  }
}

function distinctOf(counter: CounterPlan, record: JsonObject): (string | number)[] {
  if (counter.measure === "days") return [given.day];
  if (counter.measure === "visits") return Number.isNaN(given.visitStart) ? [] : [given.visitStart];
  return distinctValues(record, counter.of!);
}

/** What is said where a distinct counter takes no more. */
export function fullText(counter: CounterPlan, max: number): string {
  const what = counter.of?.join(".") ?? counter.measure;
  return `a new value of ${what} is not counted: ${max} different ones are kept (limits.distinctValuesMax)`;
}

/** What enters a sum: numbers, as amounts; those beyond bounds are missing. */
export function numbersAsAmounts(values: readonly number[]): number[] {
  return values.map(amountOf).filter((amount) => !Number.isNaN(amount));
}

/** The values of one occurrence that enter a counter. */
function contributedNumbers(counter: CounterPlan, record: Json): number[] {
  const values = numbersAt(record, counter.of!);
  return counter.amount ? numbersAsAmounts(values) : values;
}

export function numbersAt(record: Json, path: Path): number[] {
  return scalarsAt(record, path).filter((value) => typeof value === "number");
}

/** Texts, numbers and booleans as distinct keys. */
export function distinctValues(record: Json, path: Path): (string | number)[] {
  return scalarsAt(record, path).map((value) => {
    if (typeof value === "string") return `"${value}`;
    return typeof value === "number" ? value : String(value);
  });
}

export function waitingText(max: number): string {
  return `the time of this view stays 0: ${max} views of this member wait for its next visit event already (limits.itemsMax)`;
}
