import { describe, expect, it } from 'vitest';
import { resolveFor } from '../bird/hub.fixture.ts';
import { resource } from '../resources/resource.fixture.ts';
import { exportKey, limitsView } from './limits-view.ts';

const limited = 'BGPPeer/p';
const intent = resolveFor('n1', [
  resource('Node', 'n1', { bgp: { ipv4Address: '172.16.0.1/24', asNumber: 64512 } }),
  resource('BGPPeer', 'p', { node: 'n1', peerIP: '172.16.0.9', asNumber: 65001 }),
]);
const [plain] = intent.routing.sessions;
if (!plain) throw new Error('no session');
const { name } = plain;

function withLimits(prefixes: number | undefined) {
  const limit = prefixes === undefined ? undefined : ({ prefixes, action: 'block' } as const);
  const sessions = intent.routing.sessions.map((session) => ({
    ...session,
    channels: session.channels.map((channel) => ({
      ...channel,
      import: { ...channel.import, ...(limit && { limit, receiveLimit: limit }) },
      export: { ...channel.export, ...(limit && { limit }) },
    })),
  }));
  return { ...intent.routing, sessions };
}

function seen(imported: number, filtered: number, limitsHit: readonly 'import'[] = []) {
  const none = { receiveLimit: null, importLimit: null, exportLimit: null };
  const channel = {
    family: 4,
    state: 'UP',
    imported,
    filtered,
    exported: 999,
    preferred: 0,
    limitsHit,
    ...none,
  } as const;
  return [
    {
      name,
      neighbor: '172.16.0.9',
      remoteAs: 65001,
      localAs: 64512,
      state: 'Established',
      since: '',
      lastError: null,
      channels: [channel],
    } as const,
  ];
}

describe('limits', () => {
  it.each([
    ['is ok below 80 %', 100, 79, 'ok', 21],
    ['is near from 80 % on', 100, 80, 'warn', 20],
    ['is near at the limit itself, which is allowed', 100, 100, 'warn', 0],
    ['is reached above', 100, 101, 'exceeded', 0],
  ])('of import %s', (_, limit, imported, state, headRoom) => {
    const found = limitsView(withLimits(limit), seen(imported, 0), new Map());
    expect(found.find(({ direction }) => direction === 'import')).toEqual({
      peer: name,
      neighbor: '172.16.0.9',
      origin: limited,
      family: 4,
      direction: 'import',
      count: imported,
      limit,
      headRoom,
      action: 'block',
      state,
    });
  });

  it('of receiving count what was filtered, too', () => {
    const [receive] = limitsView(withLimits(10), seen(5, 6), new Map());
    expect(receive).toMatchObject({ direction: 'receive', count: 11, state: 'exceeded' });
  });

  it('are reached when BIRD says so, whatever it lets in', () => {
    const found = limitsView(withLimits(10), seen(3, 0, ['import']), new Map());
    expect(found.map(({ state }) => state)).toEqual(['ok', 'exceeded', 'unknown']);
  });

  it('of export go by what was counted, never by what the channel says', () => {
    const found = limitsView(withLimits(10), seen(1, 0), new Map([[exportKey(name, 4), 9]]));
    expect(found.at(-1)).toMatchObject({ direction: 'export', count: 9, state: 'warn' });
    expect(limitsView(withLimits(10), seen(1, 0), new Map()).at(-1)).toMatchObject({ count: null, state: 'unknown' });
  });

  it('that are none, and sessions that BIRD does not know, say so', () => {
    const states = (found: ReturnType<typeof limitsView>) => found.map(({ state }) => state);
    expect(states(limitsView(withLimits(undefined), seen(5, 0), new Map()))).toEqual(Array(3).fill('unlimited'));
    expect(states(limitsView(withLimits(10), [], new Map()))).toEqual(Array(3).fill('unknown'));
  });
});
