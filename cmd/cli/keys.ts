// rollcall keys create | ls | revoke: who may ask over HTTP, and what.
// The first key closes the door: from then on every request needs one.
import { type Command, Option } from "commander";
import { Keyring, type KnownKey } from "../../lib/api/security/keyring.ts";
import { RIGHTS_OF, ROLES, type Role } from "../../lib/api/security/rights.ts";
import { CliError, EXIT } from "../../lib/cli/errors.ts";
import { instant } from "../../lib/cli/numbers.ts";
import { plain } from "../../lib/cli/style.ts";
import { type Column, type Format, printRows } from "../../lib/cli/table.ts";
import { nearest } from "../../lib/core/rules/parse/problems.ts";
import { NatsKeyStore } from "../../lib/nats/keys.ts";
import { type Context, connected, whoIsHere } from "./context.ts";
import { note, print, printJson, withOutput } from "./output.ts";

const NAME_LENGTH_MAX = 100;

const ROLES_HELP = `
Roles:
${ROLES.map((role) => `  ${role.padEnd(8)} ${[...RIGHTS_OF[role]].filter((right) => right !== "nobody").join(", ")}`).join("\n")}
`;

interface CreateOptions {
  readonly role: Role;
  readonly personal?: boolean;
  readonly output: Format;
}

export function addKeys(program: Command): void {
  const keys = program.command("keys").description("keys of the HTTP interface; the first one closes the door");
  withOutput(
    keys
      .command("create")
      .description("make a key, and print it this once")
      .argument("<name>", "whose it is, for people")
      .addOption(new Option("--role <role>", "what it may do").choices([...ROLES]).makeOptionMandatory())
      .option("--personal", "show personal data to who has it")
      .addHelpText("after", ROLES_HELP),
    ["table", "json"],
  ).action((name: string, options: CreateOptions, command: Command) =>
    connected(command, (context) => create(context, name, options)),
  );
  withOutput(keys.command("ls").description("the keys there are, revoked ones too")).action(
    (options: { output: Format }, command: Command) => connected(command, (context) => list(context, options.output)),
  );
  keys
    .command("revoke")
    .description("refuse a key from now on, for good")
    .argument("<id>", "its ten characters after rk_")
    .action((id: string, _options: unknown, command: Command) => connected(command, (context) => revoke(context, id)));
}

async function withKeyring<T>({ nc, names }: Context, run: (keyring: Keyring) => Promise<T>): Promise<T> {
  const keyring = await Keyring.open(new NatsKeyStore(nc, names));
  try {
    return await run(keyring);
  } finally {
    keyring.close();
  }
}

async function create(
  context: Context,
  name: string,
  { role, personal = false, output }: CreateOptions,
): Promise<void> {
  if (name.trim() === "" || name.length > NAME_LENGTH_MAX) {
    throw new CliError(EXIT.usage, `A name has 1 to ${NAME_LENGTH_MAX} characters.`);
  }
  await withKeyring(context, async (keyring) => {
    const isFirst = keyring.isOpen;
    const { key, text } = await keyring.create({ name, role, personal }, whoIsHere());
    if (output === "json") printJson({ ...withoutHash(key), key: text });
    else print(text);
    await context.audited({ what: "keys.create", target: key.id, detail: { name, role, personal } });
    note(`Keep it now: it is shown this once. Send it as \`Authorization: Bearer ${text.slice(0, 13)}_…\`.`);
    if (isFirst) note("It is the first key: from now on every request needs one, but /healthz, /readyz and /version.");
    if (isFirst && role !== "admin") note("No key may make others over HTTP yet; the command line may.");
  });
}

const COLUMNS: readonly Column<KnownKey>[] = [
  { title: "ID", key: "id", value: ({ id }) => id },
  { title: "NAME", key: "name", value: ({ name }) => name, show: ({ name }) => plain(name) },
  { title: "ROLE", key: "role", value: ({ role }) => role },
  {
    title: "PERSONAL DATA",
    key: "personal",
    value: ({ personal }) => personal,
    show: ({ personal }) => (personal ? "shown" : "masked"),
  },
  { title: "CREATED", key: "created", value: ({ created }) => created, show: ({ created }) => timeOf(created) },
  { title: "BY", key: "createdBy", value: ({ createdBy }) => createdBy, show: ({ createdBy }) => plain(createdBy) },
  {
    title: "LAST USED",
    key: "lastUsed",
    value: ({ lastUsed }) => lastUsed ?? null,
    show: ({ lastUsed }) => timeOf(lastUsed),
  },
  {
    title: "REVOKED",
    key: "revoked",
    value: ({ revoked }) => revoked ?? null,
    show: ({ revoked }) => timeOf(revoked),
  },
];

function timeOf(moment: string | undefined): string {
  return moment === undefined ? "–" : instant(Date.parse(moment));
}

async function list(context: Context, output: Format): Promise<void> {
  await withKeyring(context, async (keyring) => {
    print(printRows(keyring.all(), COLUMNS, output, context.style));
    if (keyring.isOpen) {
      note("There are no keys, so HTTP answers this machine alone, and everybody on it. Make one:");
      note("  rollcall keys create NAME --role admin --personal");
    }
  });
}

async function revoke(context: Context, id: string): Promise<void> {
  await withKeyring(context, async (keyring) => {
    const before = keyring.all().find((key) => key.id === id);
    if (before === undefined) {
      const meant = nearest(
        id,
        keyring.all().map((key) => key.id),
      );
      throw new CliError(EXIT.usage, `There is no key "${id}".${meant === undefined ? "" : ` Did you mean ${meant}?`}`);
    }
    if (before.revoked !== undefined) return note(`${id} is revoked already.`);
    await keyring.revoke(id);
    await context.audited({ what: "keys.revoke", target: id, detail: { name: before.name } });
    note(`${id} (${plain(before.name)}) is refused from now on.`);
    if (keyring.all().every(({ revoked }) => revoked !== undefined)) {
      note("It was the last one: nobody can ask over HTTP now, until you make another key.");
    }
  });
}

function withoutHash({ hash: _, ...key }: KnownKey): Omit<KnownKey, "hash"> {
  return key;
}
