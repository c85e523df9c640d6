import { expect, it } from 'vitest';
import { resolveFor } from '../../bird/hub.fixture.ts';
import { resource } from '../../resources/resource.fixture.ts';
import type { Warning } from '../router-intent.ts';
import type { SessionIntent } from './routing-intent.ts';
import { fastestBfd, resolveKeepalive, resolveRestart } from './session-timers.ts';

const field = (text: string | undefined) => ({ subject: undefined, path: ['spec'], text });

it.each<[string | undefined, number | undefined, number | undefined, boolean]>([
  [undefined, undefined, undefined, false],
  ['0s', undefined, undefined, false],
  ['1ms', undefined, 1, false],
  ['1499ms', undefined, 1, false],
  ['1500ms', undefined, 2, false],
  ['240s', undefined, 240, false],
  ['241s', undefined, 80, true],
  ['100h', undefined, 80, true],
  ['100h', 9, 3, true],
  ['100h', 0, 80, true],
])('a keepalive time of %s under a hold time of %s is %s seconds', (text, hold, seconds, isWarned) => {
  const warnings: Warning[] = [];
  expect(resolveKeepalive(field(text), hold, warnings)).toBe(seconds);
  expect(warnings.map(({ code }) => code)).toEqual(isWarned ? ['keepalive-too-long'] : []);
});

it.each<[string | undefined, number | 'default', boolean]>([
  [undefined, 'default', false],
  ['2m30s', 150, false],
  ['90500ms', 91, false],
  ['4095s', 4095, false],
  ['2h', 4095, true],
])('a restart time of %s is %s', (text, seconds, isWarned) => {
  const warnings: Warning[] = [];
  expect(resolveRestart(field(text), warnings)).toBe(seconds);
  expect(warnings.map(({ code }) => code)).toEqual(isWarned ? ['restart-too-long'] : []);
});

it.each([
  ['no session asks for it', [undefined], { minInterval: 300, multiplier: 3 }],
  ['all are slower', [{ minInterval: 1000, multiplier: 3 }], { minInterval: 300, multiplier: 3 }],
  [
    'one is faster',
    [{ minInterval: 300, multiplier: 3 }, { minInterval: 50, multiplier: 4 }, undefined],
    { minInterval: 50, multiplier: 4 },
  ],
])('BFD in the group, when %s', (_, asked, expected) => {
  const sessions = asked.map((bfd) => ({ bfd }) as SessionIntent);
  expect(fastestBfd(sessions)).toEqual(expected);
});

it('a session with a link-local end is left out and said, the others stay', () => {
  const node = resource('Node', 'n1', { bgp: { ipv6Address: 'fd00::1/64' } });
  const peer = (name: string, peerIP: string) => resource('BGPPeer', name, { peerIP, asNumber: 65001 });
  const { routing, warnings } = resolveFor('n1', [node, peer('far', 'fd00::9'), peer('near', 'fe80::9')]);
  expect(routing.sessions.map(({ name }) => name)).toEqual(['Global_fd00__9']);
  expect(warnings.filter(({ code }) => code === 'link-local-session')).toMatchObject([
    { subject: { metadata: { name: 'near' } }, path: ['spec'] },
  ]);
});
