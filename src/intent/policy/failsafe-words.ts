/**
 * A failsafe in words: what it opens, why, and whose wish that is, for readers of `render`, `policy` and `explain`.
 *
 *   Failsafe ─[printOpening, printPurposes]→ `udp/500`, `IKE of Attachment vpn-a, vpn-b`
 *   Failsafe ─[nameFailsafe]→ `failsafe inbound: IKE of Attachment vpn-a, vpn-b`
 *
 * Invariant: equal failsafes give equal words; of many Attachments only as many are named as a comment of nft has room for.
 */
import { printProtocol } from '../../net/ip-protocol.ts';
import type { Failsafe, FailsafePurpose } from './policy-intent.ts';

/** Of characters. A comment has 127, and other words stand in it too. */
const roomForNames = 80;

/** `tcp/22`, `50`, `icmpv6 echo requests`. */
export function printOpening({ protocol, port, icmp }: Failsafe): string {
  if (port !== undefined) return `${printProtocol(protocol)}/${port}`;
  return icmp === undefined ? printProtocol(protocol) : `${printProtocol(protocol)} ${icmp} requests`;
}

/** `failsafe inbound: IKE of Attachment vpn`: how verdicts, comments and counters name it. */
export function nameFailsafe(list: 'inbound' | 'outbound', purposes: readonly FailsafePurpose[] = []): string {
  const why = printPurposes(purposes);
  return `failsafe ${list}${why === '' ? '' : `: ${why}`}`;
}

/** Empty where none is known. */
export function printPurposes(purposes: readonly FailsafePurpose[] = []): string {
  const attachments = new Map<FailsafePurpose['what'], string[]>();
  for (const { what, attachment } of sortedPurposes(purposes)) {
    attachments.set(what, [...(attachments.get(what) ?? []), ...(attachment === undefined ? [] : [attachment])]);
  }
  return [...attachments]
    .map(([what, names]) => (names.length === 0 ? what : `${what} of Attachment ${printNames(names)}`))
    .join(', ');
}

/** Without duplicates. */
export function sortedPurposes(purposes: readonly FailsafePurpose[]): FailsafePurpose[] {
  const keyed = new Map(purposes.map((purpose) => [`${purpose.what} ${purpose.attachment ?? ''}`, purpose]));
  return [...keyed].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, purpose]) => purpose);
}

/** The first of them at least. */
function printNames([first = '', ...others]: readonly string[]): string {
  let text = first;
  for (const [i, name] of others.entries()) {
    if (text.length + name.length > roomForNames) return `${text} and ${others.length - i} more`;
    text += `, ${name}`;
  }
  return text;
}
