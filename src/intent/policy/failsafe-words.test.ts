import { expect, it } from 'vitest';
import { nameFailsafe, printOpening } from './failsafe-words.ts';
import type { Failsafe, FailsafePurpose } from './policy-intent.ts';

it.each<[Failsafe, string]>([
  [{ protocol: 6, port: 22 }, 'tcp/22'],
  [{ protocol: 50 }, '50'],
  [{ protocol: 58, icmp: 'echo' }, 'icmpv6 echo requests'],
])('what is open: %j', (failsafe, words) => {
  expect(printOpening(failsafe)).toBe(words);
});

const ike = (...attachments: string[]) =>
  attachments.map((attachment): FailsafePurpose => ({ what: 'IKE', attachment }));
const many = Array.from({ length: 200 }, (_, i) => `tunnel-to-spoke-${i + 100}`);

it.each<[string, readonly FailsafePurpose[], string]>([
  ['for nothing but settings', [], 'failsafe inbound'],
  ['for the router itself', [{ what: 'ssh' }], 'failsafe inbound: ssh'],
  ['for an Attachment', ike('vpn'), 'failsafe inbound: IKE of Attachment vpn'],
  ['for several, in one order', ike('b', 'a', 'b'), 'failsafe inbound: IKE of Attachment a, b'],
  [
    'for several reasons',
    [{ what: 'WireGuard', attachment: 'w' }, ...ike('v')],
    'failsafe inbound: IKE of Attachment v, WireGuard of Attachment w',
  ],
  ['for very many', ike(...many), `failsafe inbound: IKE of Attachment ${many.slice(0, 4).join(', ')} and 196 more`],
])('why: %s', (_for, purposes, name) => {
  expect(nameFailsafe('inbound', purposes)).toBe(name);
});
