import { expect, it } from 'vitest';
import type { RouterStatus } from '../agent/status.ts';
import type { LinkStatus } from '../links/link-keeper.ts';
import { statusView } from './status-view.ts';

const link = (interfaceName: string, state: LinkStatus['state'], reason: string | null): LinkStatus => ({
  attachment: 'vpn',
  interfaceName,
  kind: 'ipsec',
  driver: 'kernel-xfrm',
  state,
  reason,
  mtu: 1438,
  remotes: [],
});
const statusOf = (...links: LinkStatus[]) => ({ links, warnings: ['as before'] }) as unknown as RouterStatus;

it('warns of links that are not up, until they are', () => {
  const cut = statusOf(
    link('vpn-1', 'up', null),
    link('vpn-2', 'down', 'the peer does not answer'),
    link('vpn-3', 'failed', 'there is no key'),
  );
  expect(statusView(cut, null, ['and more']).warnings).toEqual([
    'as before',
    'link vpn-2 of Attachment vpn is down: the peer does not answer',
    'link vpn-3 of Attachment vpn failed: there is no key',
    'and more',
  ]);
  expect(statusView(statusOf(link('vpn-1', 'up', null)), null, []).warnings).toEqual(['as before']);
});

it('names some of very many', () => {
  const lost = Array.from({ length: 200 }, (_, i) => link(`vpn-${i}`, 'down', 'the peer does not answer'));
  const { warnings } = statusView(statusOf(...lost), null, []);
  expect(warnings).toHaveLength(12);
  expect(warnings.at(-1)).toBe('190 more links are not up');
});
