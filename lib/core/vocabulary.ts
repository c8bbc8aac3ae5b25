// What gives events their meaning: one versioned document, applied like a segment and carried in every partition's log.
// Here is what it comes to once it is read; vocabulary-document.ts reads what a person wrote.
import type { Path, StepWhich } from "./rules/ast.ts";
import type { JsonObject, Millis, SegmentId } from "./types.ts";

export interface Vocabulary {
  /** A visit ends when the gap to the next event is at least this long. */
  readonly visitIdleMs: Millis;
  /** Amounts in another currency than this are missing; nothing is converted. */
  readonly currency: string;
  readonly items: ItemVocabulary;
  /** Outcome of a campaign by event name. */
  readonly campaigns: Readonly<Record<string, string>>;
  /** By id. */
  readonly funnels: Readonly<Record<string, Funnel>>;
  readonly engagement: Engagement;
  /** By domain, its subdomains included: the longest that fits counts. */
  readonly referrers: Readonly<Record<string, Referrer>>;
  /** Classes of traits by the trait's name: for masking and erasure, not for rules. */
  readonly traitClasses: Readonly<Record<string, "personal" | "sensitive">>;
  /** Channels whose events may say what the door would else resolve (place, network, device). */
  readonly trustedSources: readonly string[];
}

export interface ItemVocabulary {
  /** Catalog types. Besides the item's own type, its value of a type is the attribute of that name. */
  readonly types: readonly string[];
  /** Interactions by event name. */
  readonly events: Readonly<Record<string, ItemEvent>>;
}

export interface ItemEvent {
  readonly action: string;
  /**
   * `product`: the properties are one product. `products`: each of properties.products is one. `category`: the
   * properties name a category and no product. `item`: properties.type and properties.id name any item.
   */
  readonly of: "product" | "products" | "category" | "item";
}

export interface Funnel {
  readonly steps: readonly FunnelStep[];
}

export interface FunnelStep {
  readonly name: string;
  readonly which: StepWhich;
  /** As written, for showing; what it means is `which`. */
  readonly source?: JsonObject;
}

export interface Engagement {
  /** Visits and events count for so long. */
  readonly cycleMs: Millis;
  readonly parts: readonly EngagementPart[];
}

/** It gives weight × min(1, x ÷ full); x is what `of` says. */
export interface EngagementPart {
  readonly weight: number;
  /** Above 0. */
  readonly full: number;
  readonly of:
    | { readonly kind: "visits" }
    | { readonly kind: "events"; readonly names: readonly string[] }
    | { readonly kind: "trait"; readonly path: Path }
    | { readonly kind: "segment"; readonly id: SegmentId };
}

export interface Referrer {
  readonly medium: string;
  readonly name: string;
}

export const DEFAULT_VOCABULARY: Vocabulary = {
  visitIdleMs: 30 * 60_000,
  currency: "USD",
  items: {
    types: ["product", "category", "brand", "article"],
    events: {
      "Product Viewed": { action: "viewed", of: "product" },
      "Product Added": { action: "added", of: "product" },
      "Product Removed": { action: "removed", of: "product" },
      "Product Shared": { action: "shared", of: "product" },
      "Product Reviewed": { action: "reviewed", of: "product" },
      "Product Added to Wishlist": { action: "favorited", of: "product" },
      "Order Completed": { action: "purchased", of: "products" },
      "Product List Viewed": { action: "viewed", of: "category" },
      "Item Viewed": { action: "viewed", of: "item" },
      "Item Added": { action: "added", of: "item" },
      "Item Removed": { action: "removed", of: "item" },
      "Item Purchased": { action: "purchased", of: "item" },
      "Item Favorited": { action: "favorited", of: "item" },
      "Item Shared": { action: "shared", of: "item" },
      "Item Reviewed": { action: "reviewed", of: "item" },
    },
  },
  campaigns: {
    "Campaign Viewed": "viewed",
    "Campaign Clicked": "clicked",
    "Campaign Dismissed": "dismissed",
    "Campaign Qualified": "qualified",
    "Email Sent": "sent",
    "Email Delivered": "delivered",
    "Email Opened": "opened",
    "Email Link Clicked": "clicked",
    "Email Bounced": "bounced",
    "Email Marked as Spam": "reported",
    Unsubscribed: "unsubscribed",
  },
  funnels: {},
  engagement: {
    cycleMs: 30 * 86_400_000,
    parts: [
      { weight: 50, full: 10, of: { kind: "visits" } },
      { weight: 30, full: 20, of: { kind: "events", names: ["Product Viewed", "Page Viewed"] } },
      { weight: 20, full: 2, of: { kind: "events", names: ["Order Completed"] } },
    ],
  },
  referrers: {
    "google.com": { medium: "search", name: "Google" },
    "bing.com": { medium: "search", name: "Bing" },
    "duckduckgo.com": { medium: "search", name: "DuckDuckGo" },
    "yahoo.com": { medium: "search", name: "Yahoo" },
    "baidu.com": { medium: "search", name: "Baidu" },
    "yandex.ru": { medium: "search", name: "Yandex" },
    "ecosia.org": { medium: "search", name: "Ecosia" },
    "facebook.com": { medium: "social", name: "Facebook" },
    "instagram.com": { medium: "social", name: "Instagram" },
    "linkedin.com": { medium: "social", name: "LinkedIn" },
    "x.com": { medium: "social", name: "X" },
    "twitter.com": { medium: "social", name: "X" },
    "t.co": { medium: "social", name: "X" },
    "reddit.com": { medium: "social", name: "Reddit" },
    "pinterest.com": { medium: "social", name: "Pinterest" },
    "youtube.com": { medium: "social", name: "YouTube" },
    "tiktok.com": { medium: "social", name: "TikTok" },
    "mail.google.com": { medium: "email", name: "Gmail" },
    "outlook.live.com": { medium: "email", name: "Outlook" },
  },
  traitClasses: {
    email: "personal",
    phone: "personal",
    name: "personal",
    firstName: "personal",
    lastName: "personal",
    address: "personal",
    birthday: "sensitive",
  },
  trustedSources: ["server", "import"],
};
