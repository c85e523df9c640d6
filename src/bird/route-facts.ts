/**
 * A route that BIRD shows, as filters see it.
 *
 *   RibEntry ─[routeFacts]→ RouteFacts → evaluate
 */
import { type Refusal, readRefusal } from '../intent/routing/refusal-reasons.ts';
import { parsePrefix } from '../net/prefix.ts';
import type { Community } from './config.ts';
import type { RibEntry } from './daemon.ts';
import type { RouteFacts } from './evaluate.ts';
import { birdPrefix } from './names.ts';

/** Undefined for an entry whose prefix is none. `isSession` tells BGP's protocols from others. */
export function routeFacts(entry: RibEntry, isSession: (protocol: string) => boolean): RouteFacts | undefined {
  const prefix = parsePrefix(entry.prefix);
  if (!prefix) return undefined;
  const { attributes } = entry;
  const number = (name: string): number | undefined =>
    attributes[name] === undefined ? undefined : Number(attributes[name]);
  return {
    prefix,
    source: sourceOf(entry, isSession),
    protocol: `${birdPrefix}${entry.protocol}`,
    discards: entry.destination === 'blackhole' || entry.destination === 'unreachable',
    interfaceName: entry.nextHops[0]?.device ?? '',
    asPath: (attributes['BGP.as_path'] ?? '').split(' ').filter(isNumber).map(Number),
    communities: communitiesOf(entry),
    localPref: number('BGP.local_pref'),
    med: number('BGP.med'),
    kernelMetric: number('Kernel.metric'),
  };
}

/** Why an import filter of ours refused it; undefined for a route that carries no reason. */
export function refusalOf(entry: RibEntry, localAs: number): Refusal | undefined {
  const large = communitiesOf(entry).flatMap((one) => (one.length === 3 ? [one] : []));
  return readRefusal(large, localAs);
}

function sourceOf({ protocol }: RibEntry, isSession: (protocol: string) => boolean): RouteFacts['source'] {
  if (isSession(protocol)) return 'bgp';
  if (protocol.startsWith('kernel')) return 'kernel';
  return protocol.startsWith('direct') ? 'device' : 'static';
}

/** `(65000,1) (65535,65281)`, and `(65000, 1, 2)`. */
function communitiesOf({ attributes }: RibEntry): readonly Community[] {
  const text = `${attributes['BGP.community'] ?? ''} ${attributes['BGP.large_community'] ?? ''}`;
  return [...text.matchAll(/\((\d+), ?(\d+)(?:, ?(\d+))?\)/g)].map(([, a, b, c]): Community => {
    return c === undefined ? [Number(a), Number(b)] : [Number(a), Number(b), Number(c)];
  });
}

function isNumber(word: string): boolean {
  return /^[0-9]+$/.test(word);
}
