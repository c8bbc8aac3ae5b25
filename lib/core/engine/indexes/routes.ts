// Which counters an event is for: by its name, and by the ids of campaigns and items that stand in it, so that rules
// about others cost nothing. plan/compile.ts lays the routes, event-step.ts and item-step.ts follow them.

import type { UserEvent } from "../../events.ts";
import type { CampaignRule, EventRule, ItemRule } from "../../rules/ast.ts";
import { actionNames, outcomeNames } from "../../rules/questions/journey-questions.ts";
import { push } from "../lists.ts";
import { type Interaction, nameOf } from "../member/interactions.ts";
import type { ItemMeaning, ItemStreams, Routes, RuleScope, Stream } from "../plan/shapes.ts";

/** By what an occurrence finds its way to a stream. */
export type Route =
  | { readonly by: "name"; readonly names: readonly string[] | "*" }
  | { readonly by: "campaign"; readonly names: readonly string[]; readonly key: string }
  | { readonly by: "item"; readonly means: ItemMeaning; readonly keys: readonly string[] };

export function routeOf(rule: EventRule | CampaignRule | ItemRule, { vocabulary }: RuleScope): Route {
  switch (rule.op) {
    case "event":
      return { by: "name", names: rule.names === "*" ? "*" : [...new Set(rule.names)].sort() };
    case "campaign": {
      const names = outcomeNames(rule.outcome, vocabulary);
      return { by: "campaign", names, key: campaignKey(rule.id, rule.experience) };
    }
    case "item": {
      const { events, types } = vocabulary.items;
      const { action, type, ids } = rule;
      const named = actionNames(action, vocabulary).map((name) => [name, events[name]!.of] as const);
      const means = { action, events: named, types: [...types].sort(), currency: vocabulary.currency };
      const keys =
        ids === undefined ? [itemKey(type, undefined)] : [...new Set(ids)].sort().map((id) => itemKey(type, id));
      return { by: "item", means, keys };
    }
  }
}

function campaignKey(id: string | undefined, experience: string | undefined): string {
  return JSON.stringify([id ?? null, experience ?? null]);
}

function itemKey(type: string, id: string | undefined): string {
  return JSON.stringify(id === undefined ? [type] : [type, id]);
}

export function routesOf(streams: Iterable<{ readonly route: Route; readonly stream: Stream }>): Routes {
  const streamsByName = new Map<string, Stream[]>();
  const streamsOfAll: Stream[] = [];
  const campaignStreams = new Map<string, Map<string, Stream[]>>();
  const meanings = new Map<string, { readonly means: ItemMeaning; readonly byKey: Map<string, Stream[]> }>();
  for (const { route, stream } of streams) {
    if (route.by === "name") {
      if (route.names === "*") streamsOfAll.push(stream);
      else for (const name of route.names) push(streamsByName, name, stream);
    } else if (route.by === "campaign") {
      for (const name of route.names) push(mapAt(campaignStreams, name), route.key, stream);
    } else {
      const text = JSON.stringify(route.means);
      const meaning = meanings.get(text) ?? { means: route.means, byKey: new Map<string, Stream[]>() };
      meanings.set(text, meaning);
      for (const key of route.keys) push(meaning.byKey, key, stream);
    }
  }
  const itemStreams = new Map<string, ItemStreams[]>();
  for (const { means, byKey } of meanings.values()) {
    const { action } = means;
    for (const [name, of] of means.events) {
      push(itemStreams, name, { means: { action, of }, meaning: means, byKey });
    }
  }
  return { streamsByName, streamsOfAll, campaignStreams, itemStreams };
}

function mapAt<V>(maps: Map<string, Map<string, V>>, key: string): Map<string, V> {
  let map = maps.get(key);
  if (map === undefined) {
    map = new Map();
    maps.set(key, map);
  }
  return map;
}

/** Streams of the campaign that an event is about, and of those that ask of any. */
export function campaignStreamsOf(event: UserEvent, { campaignStreams }: Routes): readonly Stream[] {
  const byKey = campaignStreams.get(event.name);
  if (byKey === undefined) return [];
  const { campaign_id, experience_id } = event.properties;
  const ids = new Set([undefined, nameOf(campaign_id)]);
  const experiences = new Set([undefined, nameOf(experience_id)]);
  return [...ids].flatMap((id) =>
    [...experiences].flatMap((experience) => byKey.get(campaignKey(id, experience)) ?? []),
  );
}

/** Streams that an interaction counts for, each once however many of its ids match. */
export function itemStreamsOf({ values }: Interaction, { byKey }: ItemStreams): Iterable<Stream> {
  const found = new Set<Stream>();
  for (const [type, held] of values) {
    for (const stream of byKey.get(itemKey(type, undefined)) ?? []) found.add(stream);
    for (const value of held) for (const stream of byKey.get(itemKey(type, value)) ?? []) found.add(stream);
  }
  return found;
}
