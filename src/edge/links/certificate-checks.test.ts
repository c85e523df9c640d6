/** What doctor says of certificates before, and after, they end. */
import { expect, it } from 'vitest';
import type { LinkStatus } from '../../links/link-keeper.ts';
import { checkCertificates } from './certificate-checks.ts';

const tunnel = (certificateUntil: string | null): LinkStatus => ({
  ...{ attachment: 'vpn', interfaceName: 'vpn-1', kind: 'ipsec', driver: 'kernel-xfrm', state: 'up', reason: null },
  ...{ mtu: 1438, remotes: [] },
  ipsec: {
    ...{ local: null, remote: null, ikeProposal: null, espProposal: null, isEncapsulated: false },
    ...{ establishedFor: null, rekeyIn: null, received: null, sent: null, certificateUntil },
  },
});
const now = Date.parse('2026-11-25T12:00:00.000Z');

it.each([
  ['2027-11-25T12:00:00.000Z', 'fine', /^valid until 2027/],
  ['2026-12-09T12:00:00.000Z', 'fine', /^valid until/],
  ['2026-12-09T11:59:59.000Z', 'warning', /for 13 more days$/],
  ['2026-11-25T12:00:01.000Z', 'warning', /for 0 more days$/],
  ['2026-11-25T11:59:59.000Z', 'error', /^expired at 2026-11-25T11:59:59/],
] as const)('a certificate that is valid until %s is %s', (until, result, found) => {
  expect(checkCertificates([tunnel(until)], now)).toMatchObject([
    { check: 'certificate vpn-1', result, found: expect.stringMatching(found) },
  ]);
});

it('a tunnel with a pre-shared key has none', () => {
  expect(checkCertificates([tunnel(null)], now)).toEqual([]);
});
