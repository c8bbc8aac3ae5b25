// The Segment libraries as they are published, unchanged, drive the cart story: a call in a program or in a page, over HTTP and
// the log, to the delta that a service hears. The one for pages runs in a real Chromium, on a page of another origin.

import { readFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import { createRequire } from "node:module";
import type { AddressInfo } from "node:net";
import { basename, dirname, join } from "node:path";
import type * as AnalyticsNext from "@segment/analytics-next";
import { Analytics } from "@segment/analytics-node";
import { type Browser, chromium, type Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { partitionOf } from "../../lib/core/ids.ts";
import type { JsonObject } from "../../lib/core/types.ts";
import { storedMessage } from "../../lib/nats/wire.ts";
import { type ApiRig, openApiRig } from "../support/api-rig.ts";
import { CHROMIUM_FLAGS, chromiumPath } from "../support/chromium.ts";
import { type Heard, Listener } from "../support/listener.ts";

const PARTITIONS = 2;
const SEGMENT = "id: cart-under-100\nname: Cart under $100\nrule: { cart: { value: { gt: 0, lt: 100 } } }\n";
const SAFARI =
  "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.4 Safari/605.1.15";

let site: Server;
let origin: string;
let rig: ApiRig;
let listener: Listener;

beforeAll(async () => {
  site = await serveSite();
  origin = `http://localhost:${(site.address() as AddressInfo).port}`;
  rig = await openApiRig(PARTITIONS, { origins: [origin] });
  await rig.cli.rollcall("segments", "apply", await rig.cli.fileOf("cart.yaml", SEGMENT));
  listener = await Listener.open(rig.cli.server.url);
});
afterAll(async () => {
  await listener?.nc.close();
  await rig?.close();
  site?.close();
});

/** A page with nothing on it, and the library's own files beside it. */
async function serveSite(): Promise<Server> {
  const folder = join(
    dirname(createRequire(import.meta.url).resolve("@segment/analytics-next/package.json")),
    "dist/umd",
  );
  const server = createServer((request, response) => {
    if (request.url === "/") {
      response.setHeader("content-type", "text/html");
      response.end('<!doctype html><title>Shop</title><script src="/index.js"></script>');
      return;
    }
    readFile(join(folder, basename(request.url ?? ""))).then(
      (file) => response.setHeader("content-type", "text/javascript").end(file),
      () => response.writeHead(404).end(),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, "localhost", resolve));
  return server;
}

async function stored({ id, cause }: Heard): Promise<JsonObject> {
  const stream = rig.cli.server.names.eventsStream(partitionOf(id, PARTITIONS));
  const found = await storedMessage(await rig.cli.server.connection(), stream, { seq: cause.seq });
  return JSON.parse(Buffer.from(found!.data).toString()) as JsonObject;
}

async function story(user: string): Promise<{ readonly joined: Heard; readonly left: Heard }> {
  const joined = await listener.delta("cart-under-100", user, 1);
  const left = await listener.delta("cart-under-100", user, 2);
  expect([joined.change, left.change]).toEqual(["joined", "left"]);
  return { joined, left };
}

describe("@segment/analytics-node", () => {
  test("a cart of $60 joins, one of $130 leaves, and the deltas name the library's own messages", async () => {
    const analytics = new Analytics({ writeKey: rig.writeKey, host: rig.url });
    const errors: unknown[] = [];
    analytics.on("error", (error) => errors.push(error));
    const sent = new Map<string, string>();
    const add = (product: string, price: number): void =>
      analytics.track(
        { userId: "node-1", event: "Product Added", properties: { product_id: product, price } },
        (_, context) => {
          sent.set(product, context!.event.messageId!);
        },
      );
    analytics.identify({ userId: "node-1", traits: { plan: "trial" } });
    add("p1", 60);
    add("p2", 70);
    await analytics.closeAndFlush();
    expect(errors).toEqual([]);
    const { joined, left } = await story("node-1");
    expect([joined.cause.messageId, left.cause.messageId]).toEqual([sent.get("p1"), sent.get("p2")]);
    expect(await stored(joined)).toMatchObject({
      type: "track",
      channel: "server",
      context: { library: { name: "@segment/analytics-node", version: "3.1.0" } },
    });
  });

  test("alias is taken, too, and told to the rejects; a key that is none is an error of the library", async () => {
    const analytics = new Analytics({ writeKey: rig.writeKey, host: rig.url });
    const nc = await rig.cli.server.connection();
    const told = nc.subscribe(rig.cli.server.names.rejectedSubject("unsupported-type"), { max: 1 });
    await nc.flush();
    analytics.alias({ userId: "node-2", previousId: "anonymous-2" });
    await analytics.closeAndFlush();
    for await (const message of told) expect(message.json()).toMatchObject({ type: "alias", userId: "node-2" });
    const stranger = new Analytics({ writeKey: "nonsense", host: rig.url, maxRetries: 0 });
    const errors: unknown[] = [];
    stranger.on("error", (error) => errors.push(error));
    stranger.track({ userId: "node-3", event: "Looked" });
    await stranger.closeAndFlush();
    expect(errors.length).toBe(1);
  });
});

const browserPath = chromiumPath();

interface Batching {
  readonly strategy: "batching";
  readonly config: { readonly size: number; readonly timeout: number };
}

describe.skipIf(browserPath === undefined)("@segment/analytics-next in Chromium", () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await chromium.launch({ executablePath: browserPath!, args: CHROMIUM_FLAGS });
  });
  afterAll(() => browser?.close());

  async function openPage(): Promise<{ page: Page; failures: string[] }> {
    const page = await (await browser.newContext({ userAgent: SAFARI })).newPage();
    const failures: string[] = [];
    page.on("pageerror", (error) => failures.push(String(error)));
    page.on("requestfailed", (request) => failures.push(`${request.url()}: ${request.failure()?.errorText}`));
    page.on("response", (response) => {
      if (response.status() >= 400 && !response.url().endsWith("favicon.ico"))
        failures.push(`${response.url()}: ${response.status()}`);
    });
    await page.goto(origin);
    return { page, failures };
  }

  /** Gives the ids of its messages. */
  async function shop(page: Page, user: string, deliveryStrategy: Batching | undefined): Promise<unknown[]> {
    const given = { user, writeKey: rig.writeKey, url: rig.url, host: new URL(rig.url).host, deliveryStrategy };
    return page.evaluate(async ({ user, writeKey, url, host, deliveryStrategy }) => {
      const { AnalyticsBrowser } = (globalThis as unknown as { AnalyticsNext: typeof AnalyticsNext }).AnalyticsNext;
      const io = {
        apiHost: `${host}/v1`,
        protocol: "http" as const,
        ...(deliveryStrategy === undefined ? {} : { deliveryStrategy }),
      };
      const analytics = AnalyticsBrowser.load({ writeKey, cdnURL: url }, { integrations: { "Segment.io": io } });
      await analytics.page();
      await analytics.identify(user, { plan: "trial" });
      const first = await analytics.track("Product Added", { product_id: "p1", price: 60 });
      const second = await analytics.track("Product Added", { product_id: "p2", price: 70 });
      return [first.event.messageId, second.event.messageId];
    }, given);
  }

  const strategies: Readonly<Record<string, Batching | undefined>> = {
    "each call by itself, by one-letter paths": undefined,
    "in batches, to /v1/b": { strategy: "batching", config: { size: 2, timeout: 200 } },
  };

  test.each(Object.entries(strategies))("the same story from a page of another origin: %s", async (how, strategy) => {
    const user = `page-${how.slice(0, 4).trim()}`;
    const { page, failures } = await openPage();
    const paths: string[] = [];
    page.on("request", (request) => {
      if (request.method() === "POST") paths.push(new URL(request.url()).pathname);
    });
    const sent = await shop(page, user, strategy);
    const { joined, left } = await story(user);
    expect([joined.cause.messageId, left.cause.messageId]).toEqual(sent);
    expect(failures).toEqual([]);
    expect(new Set(paths)).toEqual(new Set(strategy === undefined ? ["/v1/p", "/v1/i", "/v1/t"] : ["/v1/b"]));
    const message = await stored(joined);
    expect(message).toMatchObject({
      channel: "web",
      context: {
        library: { name: "analytics.js" },
        device: { browser: "Safari", os: "Mac OS", type: "desktop", bot: false },
      },
    });
    expect(JSON.stringify(message)).not.toContain(rig.writeKey);
    await page.context().close();
  });
});
