import { expect, it } from 'vitest';
import type { ChannelStatus, SessionStatus } from './daemon.ts';
import { hasRoom, heldBack } from './held-back.ts';

const channel: ChannelStatus = {
  family: 4,
  state: 'UP',
  imported: 7,
  filtered: 2,
  exported: 100,
  preferred: 7,
  receiveLimit: 10,
  importLimit: 7,
  exportLimit: 100,
  limitsHit: [],
};

function session(limitsHit: ChannelStatus['limitsHit'], state: SessionStatus['state'] = 'Established'): SessionStatus {
  return {
    name: 'dx',
    neighbor: '10.30.101.2',
    remoteAs: 64513,
    localAs: 65020,
    state,
    since: '',
    lastError: null,
    channels: [{ ...channel, limitsHit }],
  };
}

it.each([
  ['receive', 9, 10, true],
  ['import', 7, 7, false],
  ['export', 100, 100, false],
] as const)('a limit of %s that acted counts what it is a limit of', (direction, count, limit, room) => {
  const [held, ...others] = heldBack([session([direction])]);
  expect(held).toEqual({ session: 'dx', family: 4, direction, count, limit });
  expect(held && hasRoom(held)).toBe(room);
  expect(others).toEqual([]);
});

it('limits that did not act hold nothing back', () => {
  expect(heldBack([session([])])).toEqual([]);
});

it('a session that is not up is left to its operator', () => {
  expect(heldBack([session(['export'], 'Idle')])).toEqual([]);
});
