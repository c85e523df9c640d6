/**
 * What the kernel tells of packets over nflog: each denied one, and a sample of new ones where staged policy is tried.
 *
 *   place ─[denyChain, sampleRule]→ Chain, Rule ─▶ kernel ─nflog─▶ prefix ─[parseLogTag]→ LogTag
 *
 * A rule that denies counts, then goes to its place's chain: that tells under a limit and drops. So every rule keeps its own
 * counter, an allowed packet pays nothing, and a flood pays for one check of a limit.
 * Invariant: telling never decides: past the limit a packet is denied, or goes on, all the same.
 */
import type { LogRate } from '../intent/policy/policy-intent.ts';
import type { Chain, Outcome, Rule, Statement } from './ruleset.ts';

/** Netlink log group of all that is told; one reader has it. */
export const logGroup = 100;

/** The largest headers that we read: IPv6 with extension headers, or IPv4 with all options, and ports. */
const snaplen = 128;

/** Packets a second of each place. */
const denyLimit: LogRate = { count: 100, per: 'second', burst: 200 };
const sampleLimit: LogRate = { count: 50, per: 'second', burst: 100 };
/** Of each Log rule, where FelixConfiguration.logActionRateLimit does not say. */
const defaultLogLimit: LogRate = { count: 100, per: 'second', burst: 100 };
/** The kernel's burst for a limit that names none, and so for 0 (NFT_LIMIT_PKT_BURST_DEFAULT). */
const kernelBurst = 5;

/** Where packets are told of: the places of policy, and what denies beside them. */
export const logPlaces = [
  'untracked-in',
  'untracked-out',
  'prednat',
  'local-in',
  'local-out',
  'local-dnat',
  'forward-in',
  'forward-out',
  'forward-default',
  'workload-in',
] as const;
export type LogPlace = (typeof logPlaces)[number];

/** `deny`: policy denied it; `invalid`: conntrack called it so; `sample`: policy is about to judge it. */
const logWords = ['deny', 'invalid', 'sample'] as const;
export type LogWord = (typeof logWords)[number];

export interface LogTag {
  readonly word: LogWord;
  readonly place: LogPlace;
}

/** The prefix of a Log rule ends in a colon and a space, so the two are never mistaken. */
export function printLogTag({ word, place }: LogTag): string {
  return `causeway ${word} ${place}`;
}

/** Undefined for the prefix of a Log rule, or of somebody else. */
export function parseLogTag(prefix: string): LogTag | undefined {
  const [program, word, place, ...more] = prefix.split(' ');
  const knownWord = logWords.find((known) => known === word);
  const knownPlace = logPlaces.find((known) => known === place);
  if (program !== 'causeway' || !knownWord || !knownPlace || more.length > 0) return undefined;
  return { word: knownWord, place: knownPlace };
}

export function denyChainName(word: 'deny' | 'invalid', place: LogPlace): string {
  return `${place}-${word}`;
}

/** The last rule's counter is how many were denied here, told of or not. */
export function denyChain(word: 'deny' | 'invalid', place: LogPlace, outcome: Outcome): Chain {
  const tell: Rule = { matches: [], statements: tellUnder(denyLimit, printLogTag({ word, place })) };
  const deny: Rule = { matches: [], statements: [{ kind: 'counter' }], outcome };
  return { name: denyChainName(word, place), rules: [tell, deny] };
}

/** First packets of flows; before conntrack every packet, since there is no telling. */
export function sampleRule(place: LogPlace): Rule {
  const isBeforeConntrack = place === 'untracked-in' || place === 'untracked-out';
  return {
    matches: isBeforeConntrack ? [] : [{ kind: 'ct-state', states: ['new'] }],
    statements: tellUnder(sampleLimit, printLogTag({ word: 'sample', place })),
    comment: 'sample for staged policy',
  };
}

/** What a Log rule does; its counter is not among it. */
export function tellOfLogRule(prefix: string, rate: LogRate | undefined): readonly Statement[] {
  return tellUnder(rate ?? defaultLogLimit, prefix);
}

function tellUnder({ count, per, burst }: LogRate, prefix: string): readonly Statement[] {
  return [
    { kind: 'limit', count, per, burst: burst === 0 ? kernelBurst : burst },
    { kind: 'log', group: logGroup, prefix, snaplen },
  ];
}
