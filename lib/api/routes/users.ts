// What is known of a person.

import { userOut } from "../audience/shapes.ts";
import type { RouteGroup } from "../http/api.ts";
import { noUser } from "../http/refusals.ts";
import { exact, refusals, UserIdIn } from "../schemas/common.ts";
import { UserOut } from "../schemas/people.ts";
import { userMasked } from "../security/masking.ts";

export const userRoutes: RouteGroup = (app, { audience }) => {
  app.get(
    "/v1/users/:id",
    {
      config: { needs: "read" },
      schema: {
        tags: ["people"],
        summary: "What is known of a person",
        params: exact({ id: UserIdIn }),
        response: { 200: UserOut, ...refusals(404) },
      },
    },
    async (request) => {
      const { id } = request.params;
      const user = await audience.user(id);
      if (user === undefined) throw noUser(id);
      return userOut(userMasked(user, request.masking));
    },
  );
};
