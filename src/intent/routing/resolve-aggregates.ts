/**
 * Aggregates that sessions announce in the place of what is more specific.
 *
 *   SessionIntent.channels, ownership → [resolve-aggregates] → RoutingIntent.aggregates
 *
 * Invariant: an aggregate adds no reachability: it stands for routes that its session may get, and what else lies inside
 * is named in a warning, because packets for it come to the router all the same.
 */
import { comparePrefixes, containsPrefix, type Prefix, printPrefix } from '../../net/prefix.ts';
import type { Resource } from '../../resources/resource.ts';
import type { Warning } from '../router-intent.ts';
import type { AttachmentFacts } from '../topology/topology.ts';
import { listNames } from './list-names.ts';
import type { OwnedPrefix } from './resolve-bounds.ts';
import type { RoutingFacts } from './routing-facts.ts';
import type { AggregateIntent, SessionIntent } from './routing-intent.ts';

/** Sorted by prefix, one entry for each, with the sessions that announce it. */
export function resolveAggregates(sessions: readonly SessionIntent[]): AggregateIntent[] {
  const byText = new Map<string, { prefix: Prefix; sessions: string[] }>();
  for (const session of sessions) {
    for (const prefix of session.channels.flatMap((channel) => channel.export.aggregates)) {
      const entry = byText.get(printPrefix(prefix)) ?? { prefix, sessions: [] };
      byText.set(printPrefix(prefix), entry);
      entry.sessions.push(session.name);
    }
  }
  return [...byText.values()].sort((a, b) => comparePrefixes(a.prefix, b.prefix));
}

/** What an aggregate draws in that its Site may not learn, and aggregates that can never be announced. */
export function warnAggregates(facts: RoutingFacts, sessions: readonly SessionIntent[], warnings: Warning[]): void {
  const insideOf = new Map<string, readonly string[]>();
  const siteAt = new Map(facts.topology.attachments.map((attachment) => [attachment.resource as Resource, attachment]));
  const said = new Set<string>();
  for (const session of sessions) {
    const attachment = session.origin && siteAt.get(session.origin);
    if (!attachment) continue;
    for (const prefix of session.channels.flatMap((channel) => channel.export.aggregates)) {
      const text = printPrefix(prefix);
      if (said.has(`${attachment.name} ${text}`)) continue;
      said.add(`${attachment.name} ${text}`);
      const inside = insideOf.get(text) ?? sitesInside(prefix, facts.ownership);
      insideOf.set(text, inside);
      warnings.push(...warningsOf(facts, attachment, text, inside));
    }
  }
}

function warningsOf(
  { topology }: RoutingFacts,
  { resource, site }: AttachmentFacts,
  aggregate: string,
  inside: readonly string[],
): Warning[] {
  const index = (resource.spec.bgp?.aggregate ?? []).indexOf(aggregate);
  const warning = (code: string, message: string): Warning => {
    return { code, subject: resource, path: ['spec', 'bgp', 'aggregate', index], message };
  };
  const isOwn = inside.includes(site.name);
  const learned = inside.filter((other) => topology.exchangesWith(other, site.name));
  const hidden = inside.filter((other) => other !== site.name && !topology.exchangesWith(other, site.name));
  if (learned.length === 0) {
    const why = isOwn
      ? `only prefixes of Site ${site.name} itself lie inside`
      : 'nothing that it may learn lies inside';
    return [warning('aggregate-empty', `${aggregate} is never announced to Site ${site.name}: ${why}`)];
  }
  if (hidden.length === 0) return [];
  const own = isOwn ? `; its own prefixes inside are fine, their more specific routes win there` : '';
  return [
    warning(
      'aggregate-covers-hidden',
      `${aggregate} covers prefixes of ${hidden.length === 1 ? 'Site' : 'Sites'} ${listNames(hidden)} too, which Site ${site.name} may not learn: it will send packets for them here, and policy alone decides${own}`,
    ),
  ];
}

/** Sites with a prefix inside, or around: sorted. */
function sitesInside(aggregate: Prefix, ownership: readonly OwnedPrefix[]): readonly string[] {
  const touched = ownership.filter(
    ({ prefix }) => containsPrefix(aggregate, prefix) || containsPrefix(prefix, aggregate),
  );
  return [...new Set(touched.flatMap(({ sites }) => sites))].sort();
}
