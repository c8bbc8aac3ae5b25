// The door: who asks, whether their key has the right that the route needs, and whether a page of another site sends it.
// A hook before every route; the rights are rights.ts, the keys keyring.ts.
import { isIP } from "node:net";
import type { FastifyInstance, FastifyRequest, RouteOptions } from "fastify";
import { HttpError } from "../http/http-error.ts";
import type { Keyring, KnownKey } from "./keyring.ts";
import { RefusedKeys } from "./refused-keys.ts";
import { RIGHTS_OF, type Right, roleFor } from "./rights.ts";

declare module "fastify" {
  interface FastifyContextConfig {
    /** The right that a caller must have. Every route names one. */
    needs?: Right;
    /** The key may stand in the body as `writeKey`, as browsers send it that cannot set a header. */
    writeKeyInBody?: boolean;
    /** It may be the parameter `writeKey` of the path. */
    writeKeyInPath?: boolean;
  }
  interface FastifyInstance {
    readonly refusedKeys: RefusedKeys;
  }
  interface FastifyRequest {
    caller: Caller;
  }
}

export interface Caller {
  /** As the audit log names them: the id of a key, or `open`. */
  readonly who: string;
  readonly personal: boolean;
  /** Undefined while no key was ever made. */
  readonly key?: KnownKey;
}

export interface GuardOptions {
  readonly keyring: Keyring;
  /** Origins of other sites whose pages may call; `*` is all of them. */
  readonly origins: readonly string[];
  /** From one address; then it is not heard for a while. 0 is no limit. */
  readonly failuresPerMinuteMax: number;
}

const NOBODY: Caller = { who: "nobody", personal: false };
const OPEN: Caller = { who: "open", personal: true };
const SAFE_METHODS: ReadonlySet<string> = new Set(["GET", "HEAD", "OPTIONS"]);

export function addGuard(app: FastifyInstance, options: GuardOptions): void {
  app.decorateRequest("caller", null as unknown as Caller);
  app.decorate("refusedKeys", new RefusedKeys(options.failuresPerMinuteMax));
  // Neither waits for anything, and a promise for each would cost every request.
  app.addHook("onRequest", (request, _reply, done) => {
    atTheDoor(request, options);
    done();
  });
  app.addHook("preValidation", (request, _reply, done) => {
    withBody(request, options);
    done();
  });
}

function atTheDoor(request: FastifyRequest, { keyring, origins }: GuardOptions): void {
  const { needs, writeKeyInBody, writeKeyInPath } = request.routeOptions.config;
  request.caller = NOBODY;
  // No route: there is nothing to guard, and the answer is that there is none.
  if (needs === undefined) return;
  assertSameSite(request, origins);
  if (needs === "nobody") return;
  const text = keyTextOf(request) ?? (writeKeyInPath === true ? writeKeyOf(request.params) : undefined);
  const inBody = writeKeyInBody === true && text === undefined && !keyring.isOpen;
  if (inBody) request.server.refusedKeys.assertHeard(request.ip);
  else admit(request, needs, text, keyring);
}

function withBody(request: FastifyRequest, { keyring }: GuardOptions): void {
  const { needs, writeKeyInBody } = request.routeOptions.config;
  if (writeKeyInBody !== true || needs === undefined || request.caller !== NOBODY) return;
  admit(request, needs, writeKeyOf(request.body), keyring);
}

/** A route without a right would be open to everybody by mistake. */
export function assertGuarded({ method, url, config }: RouteOptions): void {
  if (method === "OPTIONS" || config?.needs !== undefined) return;
  throw new Error(`the route ${method} ${url} names no right: add config: { needs: … } (lib/api/security/rights.ts)`);
}

function admit(request: FastifyRequest, needs: Right, text: string | undefined, keyring: Keyring): void {
  if (keyring.isOpen) {
    assertLocalName(request);
    request.caller = OPEN;
    return;
  }
  if (text === undefined) throw noKey(request, "Send a key: Authorization: Bearer rk_…");
  const key = keyring.verified(text);
  if (key === undefined) {
    throw noKey(request, "The key is not known, or was revoked. `rollcall keys ls` lists those there are.");
  }
  if (!RIGHTS_OF[key.role].has(needs)) {
    throw new HttpError(
      403,
      "not-allowed",
      `The key ${key.id} has the role ${key.role}; this needs the right ${needs}, which the role ${roleFor(needs)} has.`,
    );
  }
  keyring.noteUse(key);
  request.caller = { who: key.id, personal: key.personal, key };
}

/** False where the key is in the body, and the body was not read. */
export function isAdmitted({ caller }: FastifyRequest): boolean {
  return caller !== NOBODY;
}

/** Counted, so that nobody is answered it without end. */
export function noKey({ server, ip }: FastifyRequest, message: string): HttpError {
  return server.refusedKeys.refusalOf(ip, message);
}

/** `Bearer KEY`, or `Basic` with the key as the user and no password; the scheme is not case sensitive. */
function keyTextOf({ headers }: FastifyRequest): string | undefined {
  const [, scheme, value] = /^(bearer|basic) +(\S+)$/i.exec(headers.authorization ?? "") ?? [];
  if (scheme === undefined) return headers.authorization === undefined ? undefined : "";
  if (scheme.toLowerCase() === "bearer") return value;
  return Buffer.from(value!, "base64").toString().split(":")[0];
}

function writeKeyOf(from: unknown): string | undefined {
  const { writeKey } = (from ?? {}) as { readonly writeKey?: unknown };
  return typeof writeKey === "string" ? writeKey : undefined;
}

/** Browsers name the page that sends, and a page of another site is nobody, even where its visitor has a key. */
function assertSameSite({ method, headers }: FastifyRequest, origins: readonly string[]): void {
  const { origin, host } = headers;
  if (SAFE_METHODS.has(method) || origin === undefined) return;
  if (origins.includes("*") || origins.includes(origin)) return;
  if (URL.canParse(origin) && new URL(origin).host === host) return;
  throw new HttpError(
    403,
    "other-site",
    `A page of ${origin.slice(0, 200)} may not write here; the option httpOrigins names those that may.`,
  );
}

/** Without keys only this machine is trusted, and a name that somebody leads to 127.0.0.1 is not its name. */
function assertLocalName({ headers }: FastifyRequest): void {
  // As it came: what a proxy in front says it was asked by is anybody's word here.
  const [name = ""] = /^(\[[^\]]*\]|[^:]*)/.exec(headers.host ?? "") ?? [];
  if (isLoopback(name)) return;
  throw new HttpError(
    403,
    "other-host",
    "Without keys HTTP is for this machine alone, by the name localhost or its address. `rollcall keys create NAME --role admin` makes a key.",
  );
}

/** Of a host as it is written in an address or in an option. */
export function isLoopback(host: string): boolean {
  const name = host.replace(/^\[(.*)\]$/, "$1").toLowerCase();
  if (name === "localhost" || name.endsWith(".localhost") || name === "::1") return true;
  return isIP(name) === 4 && name.startsWith("127.");
}
