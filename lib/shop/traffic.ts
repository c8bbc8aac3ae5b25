// The sample shop's traffic: people browse, fill carts, buy, walk away, come back, ask for their money back.
// An endless seeded sequence of Segment-spec envelopes; lib/scenes/publisher.ts paces it onto NATS.
import type { Json, JsonObject } from "../core/types.ts";
import { type Random, seededRandom } from "../scenes/random.ts";
import { type Envelope, type SceneEvent, type SceneOptions, seedOf, timestampOf, toEvents } from "../scenes/scene.ts";
import { CATALOGUE, type Product, population, type Shopper } from "./catalogue.ts";

export interface ShopOptions extends SceneOptions {
  /** Known shoppers; they come back. */
  readonly shoppers: number;
}

/** What a shopper does next, before it gets its id, its time and its address. */
interface Act {
  readonly shopper: Shopper;
  readonly type: Envelope["type"];
  readonly name?: string;
  readonly channel: string;
  readonly properties?: JsonObject;
  readonly traits?: JsonObject;
}

interface Order {
  readonly shopper: Shopper;
  readonly id: string;
  readonly total: number;
}

interface Shop {
  readonly random: Random;
  readonly run: string;
  /** Lately completed, oldest first; refunds and cancellations pick from here. */
  readonly orders: Order[];
  ordersMade: number;
}

const ORDERS_KEPT_MAX = 100;

/** Endless. The same options give the same events (but for the times, which are the clock's). */
export function* shopTraffic(options: ShopOptions): Generator<SceneEvent, never, void> {
  const shoppers = population(options.shoppers, seededRandom(options.seed));
  const random = seededRandom(seedOf(`${options.seed}/${options.run}`));
  const shop: Shop = { random, run: options.run, orders: [], ordersMade: 0 };
  const visits: { readonly shopper: Shopper; readonly acts: Iterator<Act, void, void> }[] = [];
  for (let count = 1; ; ) {
    while (visits.length < Math.min(options.online, shoppers.length)) {
      const shopper = pickOffline(
        shoppers,
        visits.map((visit) => visit.shopper),
        random,
      );
      visits.push({ shopper, acts: visit(shop, shopper) });
    }
    const index = random.between(0, visits.length - 1);
    const step = random.chance(0.01) ? backOffice(shop) : visits[index]!.acts.next();
    if (step === undefined) continue;
    if (step.done === true) {
      visits.splice(index, 1);
      continue;
    }
    yield toEvents(step.value.shopper.id, envelope(step.value, count, options, random));
    count += 1;
  }
}

function pickOffline(shoppers: readonly Shopper[], online: readonly Shopper[], random: Random): Shopper {
  for (;;) {
    const shopper = random.pick(shoppers);
    if (!online.includes(shopper)) return shopper;
  }
}

function envelope(act: Act, count: number, options: ShopOptions, random: Random): Envelope {
  const { shopper } = act;
  const named: JsonObject =
    act.name === undefined ? {} : act.type === "track" ? { event: act.name } : { name: act.name };
  return {
    type: act.type,
    ...named,
    ...(shopper.anonymous ? { anonymousId: shopper.id } : { userId: shopper.id }),
    messageId: `shop-${options.run}-${count}`,
    timestamp: timestampOf(act.channel, options.now(), random),
    channel: act.channel,
    ...(act.properties === undefined ? {} : { properties: act.properties }),
    ...(act.traits === undefined ? {} : { traits: act.traits }),
    context: { timezone: shopper.timezone, library: { name: "rollcall-sample-shop", version: "1" } },
  };
}

/** One visit, from the door (or an e-mail) to the till or back out of the door. */
function* visit(shop: Shop, shopper: Shopper): Generator<Act, void, void> {
  const { random } = shop;
  if (!shopper.identified && !shopper.anonymous) yield identify(shopper);
  if (shopper.newsletter && random.chance(0.3)) yield* comesByEmail(shopper);
  yield look(shopper, "Home", "/");
  for (let shelf = random.between(1, 3); shelf > 0; shelf -= 1) yield* browse(shop, shopper);
  if (shopper.cart.size === 0) return;
  yield track(shopper, "Cart Viewed", {
    cart_id: `cart-${shopper.id}`,
    products: [...shopper.cart].map(([id, quantity]) => line(productOf(id), quantity)),
  });
  if (random.chance(0.2)) yield takeOut(shopper, random.pick([...shopper.cart.keys()]));
  if (shopper.cart.size > 0 && random.chance(0.4)) yield* checkOut(shop, shopper);
}

function* comesByEmail(shopper: Shopper): Generator<Act, void, void> {
  const properties = { campaign_id: "spring-letter", campaign_name: "Spring letter" };
  yield { shopper, type: "track", name: "Email Opened", channel: "email", properties };
  yield { shopper, type: "track", name: "Email Link Clicked", channel: "email", properties };
}

function* browse(shop: Shop, shopper: Shopper): Generator<Act, void, void> {
  const { random } = shop;
  const shelf = random.chance(0.7) ? shopper.interest : random.pick(CATALOGUE).category.split("/")[0]!;
  const products = CATALOGUE.filter((product) => product.category.startsWith(`${shelf}/`));
  yield look(shopper, shelf, `/${shelf}`);
  for (let views = random.between(1, 4); views > 0; views -= 1) {
    const product = random.pick(products);
    yield track(shopper, "Product Viewed", { ...product, currency: "USD" });
    if (random.chance(0.25)) yield putIn(shopper, product, random.chance(0.85) ? 1 : 2);
  }
}

function putIn(shopper: Shopper, product: Product, quantity: number): Act {
  shopper.cart.set(product.product_id, (shopper.cart.get(product.product_id) ?? 0) + quantity);
  return track(shopper, "Product Added", { ...line(product, quantity), cart_id: `cart-${shopper.id}` });
}

function takeOut(shopper: Shopper, productId: string): Act {
  const quantity = shopper.cart.get(productId) ?? 1;
  shopper.cart.delete(productId);
  return track(shopper, "Product Removed", { ...line(productOf(productId), quantity), cart_id: `cart-${shopper.id}` });
}

function* checkOut(shop: Shop, shopper: Shopper): Generator<Act, void, void> {
  const lines = [...shopper.cart].map(([id, quantity]) => line(productOf(id), quantity));
  const cents = [...shopper.cart].reduce(
    (sum, [id, quantity]) => sum + Math.round(productOf(id).price * 100) * quantity,
    0,
  );
  yield track(shopper, "Checkout Started", { value: cents / 100, currency: "USD", products: lines });
  // Some find the delivery charge at this point and leave with the cart still full.
  if (shop.random.chance(0.25)) return;
  shop.ordersMade += 1;
  const order: Order = { shopper, id: `order-${shop.run}-${shop.ordersMade}`, total: cents / 100 };
  shop.orders.push(order);
  if (shop.orders.length > ORDERS_KEPT_MAX) shop.orders.shift();
  shopper.cart.clear();
  yield track(shopper, "Order Completed", {
    order_id: order.id,
    total: order.total,
    currency: "USD",
    ...(shop.random.chance(0.15) ? { coupon: "SPRING" } : {}),
    products: lines,
  });
}

/** What the shop's own systems report: money back, cancellations, a trial that became a subscription. */
function backOffice(shop: Shop): IteratorResult<Act, void> | undefined {
  const { random, orders } = shop;
  if (orders.length < 3) return undefined;
  const index = random.between(0, orders.length - 1);
  const { shopper, id, total } = orders[index]!;
  if (shopper.plan === "trial" && !shopper.anonymous && random.chance(0.5)) {
    shopper.plan = "plus";
    return { value: { shopper, type: "identify", channel: "server", traits: { plan: shopper.plan } } };
  }
  orders.splice(index, 1);
  const name = random.chance(0.7) ? "Order Refunded" : "Order Cancelled";
  // Half of the refunds are for a part of the order.
  const refund = name === "Order Refunded" && random.chance(0.5) ? { total: Math.round(total * 50) / 100 } : {};
  const properties = { order_id: id, currency: "USD", ...refund };
  return { value: { shopper, type: "track", name, channel: "server", properties } };
}

function identify(shopper: Shopper): Act {
  shopper.identified = true;
  const traits = {
    firstName: shopper.firstName,
    email: `${shopper.id}@example.com`,
    plan: shopper.plan,
    country: shopper.country,
    timezone: shopper.timezone,
    newsletter: shopper.newsletter,
    interests: [shopper.interest],
  };
  return { shopper, type: "identify", channel: shopper.channel, traits };
}

/** A page on the web is a screen in the app. */
function look(shopper: Shopper, name: string, path: string): Act {
  const type = shopper.channel === "web" ? "page" : "screen";
  return { shopper, type, name, channel: shopper.channel, properties: { path, title: name } };
}

function track(shopper: Shopper, name: string, properties: JsonObject): Act {
  return { shopper, type: "track", name, channel: shopper.channel, properties };
}

function line(product: Product, quantity: number): JsonObject {
  return { ...product, quantity, currency: "USD" } satisfies Record<string, Json>;
}

function productOf(id: string): Product {
  const product = CATALOGUE.find((candidate) => candidate.product_id === id);
  if (product === undefined) throw new RangeError(`no product ${id} in the catalogue`);
  return product;
}
