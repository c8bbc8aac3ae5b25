// What the sample shop sells and to whom: a fixed catalogue and a seeded population of shoppers.
// traffic.ts lets these people loose on these products.
import type { MemberId } from "../core/types.ts";
import type { Random } from "../scenes/random.ts";

export interface Product {
  readonly product_id: string;
  readonly name: string;
  readonly brand: string;
  readonly category: string;
  readonly price: number;
}

const SHELVES: readonly (readonly [category: string, brand: string, name: string, price: number])[] = [
  ["shoes/running", "Fjell", "Trail Runner", 129],
  ["shoes/running", "Fjell", "Road Runner", 99.5],
  ["shoes/casual", "Lindqvist", "Canvas Low", 49.9],
  ["shoes/casual", "Lindqvist", "Suede Loafer", 84],
  ["shoes/boots", "Oberland", "Hiking Boot", 189],
  ["clothing/jackets", "Oberland", "Rain Shell", 149],
  ["clothing/jackets", "Fjell", "Down Jacket", 249],
  ["clothing/shirts", "Marisol", "Linen Shirt", 44.9],
  ["clothing/shirts", "Marisol", "Oxford Shirt", 39.5],
  ["clothing/trousers", "Marisol", "Chino", 54],
  ["clothing/trousers", "Oberland", "Zip-off Trousers", 72],
  ["clothing/socks", "Lindqvist", "Merino Socks", 14.5],
  ["outdoor/tents", "Fjell", "Two-Person Tent", 329],
  ["outdoor/packs", "Oberland", "Day Pack 22 l", 79.9],
  ["outdoor/packs", "Oberland", "Trekking Pack 55 l", 199],
  ["outdoor/light", "Brenna", "Head Torch", 34.9],
  ["outdoor/kitchen", "Brenna", "Camping Stove", 64.5],
  ["outdoor/kitchen", "Brenna", "Steel Bottle", 24],
  ["home/throws", "Lindqvist", "Wool Throw", 89],
  ["home/mugs", "Brenna", "Enamel Mug", 12.5],
];

export const CATALOGUE: readonly Product[] = SHELVES.map(([category, brand, name, price], index) => ({
  product_id: `sku-${1001 + index}`,
  name,
  brand,
  category,
  price,
}));

export interface Shopper {
  readonly id: MemberId;
  /** Seen only by a device id: their messages carry `anonymousId` and no `userId`. */
  readonly anonymous: boolean;
  readonly firstName: string;
  readonly country: string;
  readonly timezone: string;
  /** Where they shop from. */
  readonly channel: "web" | "ios";
  /** Shelves they look at first. */
  readonly interest: string;
  readonly newsletter: boolean;
  plan: "free" | "trial" | "plus";
  identified: boolean;
  /** product_id → pieces; what the shop believes to be in their cart. */
  readonly cart: Map<string, number>;
}

const MARKETS: readonly (readonly [country: string, timezone: string])[] = [
  ["DE", "Europe/Berlin"],
  ["FR", "Europe/Paris"],
  ["NO", "Europe/Oslo"],
  ["ES", "Europe/Madrid"],
  ["GB", "Europe/London"],
  ["US", "America/New_York"],
  ["US", "America/Los_Angeles"],
  ["JP", "Asia/Tokyo"],
];

const FIRST_NAMES = [
  "Ada,Amir,Anna,Ben,Carla,Chloe,Dora,Elif,Emil,Finn,Greta,Hana,Ines,Ivan,Jonas,Kaito",
  "Lea,Lars,Maria,Mateo,Mila,Nils,Noor,Olga,Paul,Rosa,Sami,Sofia,Tariq,Uma,Vera,Yuki",
]
  .join(",")
  .split(",");

export function population(size: number, random: Random): Shopper[] {
  return Array.from({ length: size }, (_, index) => shopper(index, random));
}

function shopper(index: number, random: Random): Shopper {
  const anonymous = random.chance(0.12);
  const firstName = random.pick(FIRST_NAMES);
  const [country, timezone] = random.pick(MARKETS);
  const device = Math.floor(random.next() * 0xffffff).toString(16);
  return {
    id: anonymous ? `device-${device}-${index}` : `${firstName.toLowerCase()}-${index + 1}`,
    anonymous,
    firstName,
    country,
    timezone,
    channel: random.chance(0.4) ? "ios" : "web",
    interest: random.pick(CATALOGUE).category.split("/")[0]!,
    newsletter: random.chance(0.5),
    plan: random.chance(0.35) ? "trial" : random.chance(0.2) ? "plus" : "free",
    identified: false,
    cart: new Map(),
  };
}
