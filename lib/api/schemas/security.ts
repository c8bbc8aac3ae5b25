// Keys and the log of changes. For lib/api/routes/keys.ts and audit.ts.
import Type from "typebox";
import { ROLES } from "../security/rights.ts";
import { AnyObject, Cursor, exact, idOf, limitOf, listOf, Moment, named, oneOf, pageOf } from "./common.ts";

const key = {
  id: Type.String(),
  name: Type.String(),
  role: oneOf(ROLES),
  personal: Type.Boolean({ description: "Whether personal data is shown to who has it." }),
  created: Moment,
  createdBy: Type.String(),
  lastUsed: Type.Optional(Moment),
  revoked: Type.Optional(Moment),
};

export const KeyOut = named(
  "Key",
  exact(key, { description: "Never the key itself: only the hash of its secret is kept." }),
);

export const KeysOut = exact({ keys: listOf(KeyOut) });

export const KeyIdIn = idOf("aaaaaaaaaa", "The key's id: its ten characters after `rk_`.");

export const KeyIn = exact(
  {
    name: Type.String({ minLength: 1, maxLength: 100, description: "Whose it is, for people." }),
    role: oneOf(ROLES),
    personal: Type.Optional(Type.Boolean({ default: false, description: "Show personal data to who has it." })),
  },
  { examples: [{ name: "web shop", role: "ingest" }] },
);

export const NewKeyOut = exact({
  ...key,
  key: Type.String({ description: "The key. It is shown this once, and kept nowhere." }),
});

export const AuditQuery = exact({ limit: limitOf(200, 50), cursor: Cursor });

export const AuditOut = pageOf(
  named(
    "AuditRecord",
    exact({
      seq: Type.Integer({ minimum: 1 }),
      at: Moment,
      who: Type.String({ description: "The id of a key, `open` where none is needed, or `cli:` and a name." }),
      what: Type.String({ examples: ["keys.create"] }),
      target: Type.String({ description: "The id of what was changed; empty where the whole was." }),
      detail: AnyObject,
    }),
  ),
);
