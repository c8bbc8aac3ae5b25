// What is known of an account, and who its users are.
import Type from "typebox";
import { accountOut, accountUsersOut } from "../audience/shapes.ts";
import type { RouteGroup } from "../http/api.ts";
import { noAccount } from "../http/refusals.ts";
import { AccountIdIn, exact, limitOf, RULE_LENGTH_MAX, refusals } from "../schemas/common.ts";
import { AccountOut, AccountUsersOut } from "../schemas/people.ts";
import { accountMasked, accountUsersMasked } from "../security/masking.ts";

const USERS_DEFAULT = 100;
const USERS_MAX = 10_000;

const RuleIn = Type.Optional(
  Type.String({
    minLength: 1,
    maxLength: RULE_LENGTH_MAX,
    description: "Those for whom it holds; the text as `usersByRule` names it.",
  }),
);

export const accountRoutes: RouteGroup = (app, { audience }) => {
  app.get(
    "/v1/accounts/:id",
    {
      config: { needs: "read" },
      schema: {
        tags: ["people"],
        summary: "What is known of an account",
        params: exact({ id: AccountIdIn }),
        response: { 200: AccountOut, ...refusals(404) },
      },
    },
    async (request) => {
      const { id } = request.params;
      const account = await audience.account(id);
      if (account === undefined) throw noAccount(id);
      return accountOut(accountMasked(account, request.masking));
    },
  );

  app.get(
    "/v1/accounts/:id/users",
    {
      config: { needs: "read" },
      schema: {
        tags: ["people"],
        summary: "The users of an account, or those for whom a rule holds",
        params: exact({ id: AccountIdIn }),
        querystring: exact({ limit: limitOf(USERS_MAX, USERS_DEFAULT), rule: RuleIn }),
        response: { 200: AccountUsersOut, ...refusals(404) },
      },
    },
    async (request) => {
      const { id } = request.params;
      const { limit = USERS_DEFAULT, rule } = request.query;
      const users = await audience.accountUsers(id, limit, rule);
      if (users === undefined) throw noAccount(id);
      return accountUsersOut(accountUsersMasked(users, request.masking));
    },
  );
};
