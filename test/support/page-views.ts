// A page that sends an event and at once asks which segments its visitor is in: as often as a test likes, many at a time.
// Every other event puts the visitor into `cart-under-100`, and takes him out again.
import type { NatsConnection } from "@nats-io/transport-node";
import { track } from "./listener.ts";

export const CART_SEGMENT = "cart-under-100";

export interface StoredAt {
  readonly partition: number;
  readonly seq: number;
}

/** What the page is answered. */
export interface Decided {
  readonly fresh: boolean;
  readonly segments: readonly { readonly id: string }[];
}

export interface PageViews {
  readonly count: number;
  readonly visitors: number;
  /** Stores an event; gives the position that it was acknowledged with. */
  store(user: string, event: object): Promise<StoredAt>;
  decide(user: string, after: StoredAt): Promise<Decided>;
}

/** Each view that did not see its own event, in words. */
export async function blindViews({ count, visitors, store, decide }: PageViews): Promise<string[]> {
  const blind: string[] = [];
  let left = count;
  const visit = async (visitor: number): Promise<void> => {
    for (let view = 0; left > 0; view += 1) {
      left -= 1;
      const user = `visitor-${visitor}-${view >> 1}`;
      const comesIn = view % 2 === 0;
      const after = await store(user, track(user, "Product Added", { product_id: `p${view % 2}`, price: 60 }));
      const { fresh, segments } = await decide(user, after);
      const isIn = segments.some(({ id }) => id === CART_SEGMENT);
      if (!fresh || isIn !== comesIn) blind.push(`${user} after ${after.seq}: fresh ${fresh}, in ${isIn}`);
    }
  };
  await Promise.all(Array.from({ length: visitors }, (_, visitor) => visit(visitor)));
  return blind;
}

/** As any channel publishes: the acknowledgement names the stream, which ends with the log's number. */
export async function storeByNats(nc: NatsConnection, user: string, event: object): Promise<StoredAt> {
  const message = await nc.request(`events.${user}`, JSON.stringify(event), { timeout: 10_000 });
  const { stream, seq } = message.json<{ readonly stream: string; readonly seq: number }>();
  return { partition: Number(stream.split("_").at(-1)), seq };
}
