// Whether the process lives and can serve. For lib/api/routes/operations.ts.
import Type from "typebox";
import { exact, listOf, named, oneOf } from "./common.ts";

export const HealthOut = exact({ status: oneOf(["ok"]) });
export const ReadinessOut = named(
  "Readiness",
  exact({ ready: Type.Boolean(), reasons: listOf(Type.String(), { description: "Why not, one sentence each." }) }),
);
export const VersionOut = exact({ version: Type.String() });
