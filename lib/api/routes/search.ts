// Who is meant by a text, among people and accounts.
import Type, { type Static } from "typebox";
import type { AccountView, UserView } from "../../core/partition.ts";
import type { MemberKind } from "../../core/types.ts";
import type { ApiServices, RouteGroup } from "../http/api.ts";
import { foundOut } from "../profiles/profile-shapes.ts";
import { type Found, type SearchPlace, searchPage } from "../profiles/search.ts";
import { Cursor, exact, limitOf, oneOf } from "../schemas/common.ts";
import { SearchOut } from "../schemas/search.ts";
import { idOut, MASK, type Masking } from "../security/masking.ts";

const FOUND_DEFAULT = 20;
const FOUND_MAX = 200;
const TEXT_LENGTH_MAX = 200;

export const SearchQuery = exact({
  q: Type.String({
    minLength: 1,
    maxLength: TEXT_LENGTH_MAX,
    description:
      "The beginning of an id, an identity, a trait's value or a word in it. Small and capital letters are the same.",
    examples: ["u1"],
  }),
  kind: Type.Optional(oneOf(["user", "account"], { description: "Only people, or only accounts." })),
  field: Type.Optional(
    Type.String({
      minLength: 1,
      maxLength: TEXT_LENGTH_MAX,
      description: "Look at nothing else: `id`, the type of an identity, or a trait's name.",
    }),
  ),
  limit: limitOf(FOUND_MAX, FOUND_DEFAULT),
  cursor: Cursor,
});

export const searchRoutes: RouteGroup = (app, services) => {
  app.get(
    "/v1/search",
    {
      config: { needs: "read" },
      schema: {
        tags: ["people"],
        summary: "People and accounts by id, e-mail, telephone, name or trait",
        description:
          "Whose id it is comes first, and at once; for the others each member is looked at until there are enough, two seconds at most for a page. A key that shows no personal data finds by ids alone.",
        querystring: SearchQuery,
        response: { 200: SearchOut },
      },
    },
    async ({ query, masking }) => searched(services, query, masking),
  );
};

/** The same answer over HTTP and over NATS. */
export async function searched(
  services: Pick<ApiServices, "audience" | "people" | "cursors">,
  { q, kind, field, limit = FOUND_DEFAULT, cursor }: Static<typeof SearchQuery>,
  masking: Masking,
): Promise<object> {
  const pages = services.cursors.pagesOf<SearchPlace>("search", q, kind ?? null, field ?? null, masking.personal);
  const from = pages.from(cursor);
  const isById = field === undefined || field === "id";
  const named = from === undefined && isById ? await namedSo(services, q, kind) : { exact: [] };
  const { items, next, ...page } = await searchPage(services.people, {
    asked: {
      text: q,
      ...(kind === undefined ? {} : { kind }),
      ...(field === undefined ? {} : { field }),
      ...(masking.personal ? {} : { masked: true }),
    },
    ...named,
    limit,
    from,
    now: () => performance.now(),
  });
  return { items: items.map((found) => foundOut(foundMasked(found, masking))), next: pages.next(next), ...page };
}

/** Those whose id the text is. An owner that does not answer now may do so a moment later, for the rest of the search. */
async function namedSo(
  { audience }: Pick<ApiServices, "audience">,
  id: string,
  kind: MemberKind | undefined,
): Promise<{ readonly exact: readonly Found[]; readonly isExactOpen: boolean }> {
  const [user, account] = await Promise.all([
    kind === "account" ? undefined : audience.user(id).catch(unanswered),
    kind === "user" ? undefined : audience.account(id).catch(unanswered),
  ]);
  const exact = [
    ...(user === undefined || user === UNANSWERED ? [] : [exactly("user", user)]),
    ...(account === undefined || account === UNANSWERED ? [] : [exactly("account", account)]),
  ];
  return { exact, isExactOpen: user === UNANSWERED || account === UNANSWERED };
}

const UNANSWERED = "unanswered";

function unanswered(error: Error): typeof UNANSWERED {
  if (error.name !== "QuestionFailed") throw error;
  return UNANSWERED;
}

function exactly(kind: MemberKind, { id, traits, lastSeen }: UserView | AccountView): Found {
  const { name } = traits as Record<string, unknown>;
  return { kind, id, field: "id", value: id, ...(typeof name === "string" ? { name } : {}), lastSeen };
}

function foundMasked(found: Found, masking: Masking): Found {
  if (masking.personal) return found;
  const id = idOut(found.id, masking);
  return { ...found, id, value: id, ...(found.name === undefined ? {} : { name: MASK }) };
}
