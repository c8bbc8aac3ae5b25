// What is known of a user or an account as a terminal shows it: a title to each line, what is long below itself.
// Used by cmd/cli/people.ts and cmd/cli/accounts.ts; JSON has all, this what a person reads at a glance.
import type { AccountView, MembershipView, MemberView, UserView } from "../core/partition.ts";
import type { MemberKind } from "../core/types.ts";
import { count, counted, instant } from "./numbers.ts";
import { plain, type Style } from "./style.ts";
import { sourceText, visitsText } from "./visits-text.ts";
import { wrap } from "./wrap.ts";

const IDS_SHOWN_MAX = 10;
const OBJECTS_SHOWN_MAX = 20;
const TITLE_COLUMNS = 11;
const COLUMNS_MAX = 100;

export function userText(view: UserView, style: Style): string {
  const line = liner(style);
  const { account } = view;
  return [
    style.bold(plain(view.id)),
    line("seen", `${instant(view.firstSeen)} – ${instant(view.lastSeen)}`),
    ...(account === undefined ? [] : [line("account", accountText(account, style))]),
    ...membershipLines(view.memberships, style),
    line("known as", identitiesText(view.identities)),
    line("traits", pairs(view.traits)),
    ...behaviourLines(view, style),
    line("cart", pairs(view.cart)),
    line("orders", count(view.orders)),
    ...heldLines(view, style),
  ].join("\n");
}

/** `columns` as far as lines may go; undefined where nobody sees a width. */
export function accountViewText(view: AccountView, style: Style, columns = COLUMNS_MAX): string {
  const line = liner(style);
  return [
    `${style.bold(plain(view.id))}  ${style.dim("account")}`,
    line("seen", `${instant(view.firstSeen)} – ${instant(view.lastSeen)}`),
    line("users", usersText(view, Math.min(columns, COLUMNS_MAX) - TITLE_COLUMNS)),
    ...membershipLines(view.memberships, style),
    line("traits", pairs(view.traits)),
    ...behaviourLines(view, style),
    line("orders", ordersText(view.orders)),
    ...heldLines(view, style),
  ].join("\n");
}

/** How many there are; then, for each `users` rule that some segment asks, for how many it holds. */
function usersText({ users, usersByRule }: AccountView, columns: number): string {
  const rules = Object.entries(usersByRule ?? {});
  const width = Math.max(0, ...rules.map(([, on]) => count(on).length));
  const lines = rules.flatMap(([rule, on]) => {
    const [first, ...rest] = wrap(plain(rule), columns - width - 2);
    return [`${count(on).padStart(width)}  ${first}`, ...rest.map((text) => `${" ".repeat(width)}  ${text}`)];
  });
  return [count(users), ...lines].join("\n");
}

function ordersText({ count: orders, revenue }: AccountView["orders"]): string {
  if (orders === 0) return "0";
  const money = revenue.toLocaleString("en-US", { minimumFractionDigits: 2, maximumFractionDigits: 4 });
  return `${count(orders)}, ${money} in all`;
}

function accountText({ id, since }: NonNullable<UserView["account"]>, style: Style): string {
  return since === undefined ? plain(id) : `${plain(id)}  ${style.dim(`since ${instant(since)}`)}`;
}

/** Title and text; lines after the first stand below the text. */
function liner(style: Style): (title: string, text: string) => string {
  return (title, text) =>
    `${style.dim(title.padEnd(TITLE_COLUMNS))}${text.split("\n").join(`\n${" ".repeat(TITLE_COLUMNS)}`)}`;
}

function membershipLines(memberships: readonly MembershipView[], style: Style): readonly string[] {
  const line = liner(style);
  const listed = (all: readonly MembershipView[], word: string): string => {
    const width = Math.max(...all.map(({ segment }) => segment.length));
    return all
      .map(({ segment, since }) => `${segment.padEnd(width)}  ${style.dim(`${word} ${instant(since)}`)}`)
      .join("\n");
  };
  const now = memberships.filter((membership) => membership.in);
  const was = memberships.filter((membership) => !membership.in);
  return [
    line("segments", now.length === 0 ? "none" : listed(now, "since")),
    ...(was.length === 0 ? [] : [line("was in", listed(was, "until"))]),
  ];
}

function behaviourLines(view: MemberView, style: Style): readonly string[] {
  const line = liner(style);
  return [
    line("visits", visitsText(view.visits)),
    ...(view.source === undefined ? [] : [line("came from", sourceText(view.source))]),
    ...(["place", "network", "device"] as const).flatMap((kind) => {
      const record = view[kind];
      return record === undefined ? [] : [line(kind, pairs(record))];
    }),
    ...(Object.keys(view.situations).length === 0 ? [] : [line("feeds", situationsText(view.situations))]),
  ];
}

function heldLines({ objects, lists }: MemberView, style: Style): readonly string[] {
  const line = liner(style);
  return [
    line("objects", objectsText(objects)),
    line("lists", lists.length === 0 ? "none" : lists.map(plain).join(", ")),
  ];
}

function identitiesText(identities: UserView["identities"]): string {
  const types = Object.entries(identities);
  if (types.length === 0) return "nothing but a list";
  return types.map(([type, ids]) => plain(`${type}  ${cut(ids)}`)).join("\n");
}

function cut(ids: readonly string[]): string {
  const more = ids.length - IDS_SHOWN_MAX;
  return [...ids.slice(0, IDS_SHOWN_MAX), ...(more > 0 ? [`… ${count(more)} more`] : [])].join(", ");
}

/** One line a value, with the feed's kind before it. */
function situationsText(situations: MemberView["situations"]): string {
  return Object.entries(situations)
    .flatMap(([kind, values]) => Object.entries(values).map(([key, value]) => ({ kind, key, value })))
    .map(({ kind, key, value }) => plain(`${kind}  ${key}  ${JSON.stringify(value)}`))
    .join("\n");
}

function objectsText(objects: MemberView["objects"]): string {
  const types = Object.entries(objects);
  if (types.length === 0) return "none";
  return types
    .flatMap(([type, ofType]) => {
      const held = Object.entries(ofType);
      const shown = held.slice(0, OBJECTS_SHOWN_MAX).map(([id, { id: _, type: __, ...attributes }]) => {
        return plain(`  ${id}  ${JSON.stringify(attributes)}`);
      });
      const more = held.length - shown.length;
      return [plain(`${type}  ${count(held.length)}`), ...shown, ...(more === 0 ? [] : [`  … ${count(more)} more`])];
    })
    .join("\n");
}

function pairs(value: MemberView["traits"]): string {
  if (value === null || typeof value !== "object") return plain(JSON.stringify(value));
  const entries = Object.entries(value);
  if (entries.length === 0) return "none";
  return entries.map(([key, inner]) => plain(`${key}  ${JSON.stringify(inner)}`)).join("\n");
}

/** "3 people", "1 account": those of a kind, in a sentence. */
export function headsText(many: number, kind: MemberKind): string {
  return kind === "account" ? counted(many, "account") : counted(many, "person", "people");
}

/** "3 users", "1 account": what the members of a segment of that kind are. */
export function membersText(size: number, kind: MemberKind): string {
  return counted(size, kind);
}
