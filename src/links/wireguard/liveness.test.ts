import { describe, expect, it } from 'vitest';
import { firstSight, followPeer, type Liveness } from './liveness.ts';

const handshake = 1000;
const seen = { latestHandshake: handshake, received: 500, sent: 500, keepalive: 25 };
const up: Liveness = { isUp: true, received: 500, sent: 500, askedAt: undefined, lostHandshake: 0 };

describe('at first sight', () => {
  it.each([
    ['a handshake of late', {}, 60, true],
    ['no handshake yet', { latestHandshake: 0 }, 60, false],
    ['a handshake that keepalives would have renewed', {}, 231, false],
    ['an old handshake where nobody keeps the tunnel alive', { keepalive: 0 }, 100_000, true],
  ])('%s', (_what, change, age, isUp) => {
    expect(firstSight({ ...seen, ...change }, handshake + age).isUp).toBe(isUp);
  });
});

describe('second by second', () => {
  /** What is sent and received in each second; the reading after each. */
  const play = (
    start: Liveness,
    seconds: readonly (readonly [sent: number, received: number, handshake?: number])[],
  ) => {
    let state = start;
    let peer = { ...seen };
    return seconds.map(([sent, received, latestHandshake = peer.latestHandshake], second) => {
      peer = { ...peer, sent: peer.sent + sent, received: peer.received + received, latestHandshake };
      state = followPeer(state, peer, second);
      return state.isUp;
    });
  };
  const quiet = (seconds: number) => Array.from({ length: seconds }, () => [0, 0] as const);

  it('data without an answer counts as lost after 25 s', () => {
    const states = play(up, [[128, 0], ...quiet(30)]);
    expect(states.indexOf(false)).toBe(25);
  });

  it('an answer within that time starts it anew', () => {
    const states = play(up, [[128, 0], ...quiet(23), [0, 32], [128, 0], ...quiet(24)]);
    expect(states).not.toContain(false);
  });

  it('an idle tunnel is not lost, whatever keepalives it sends', () => {
    const minute = [[32, 0] as const, [64, 0] as const, ...quiet(58)];
    expect(play(up, [...minute, ...minute, ...minute])).not.toContain(false);
  });

  it('a handshake without an answer counts as lost too: no data is needed for that', () => {
    const states = play(up, [...quiet(120), [148, 0], ...quiet(30)]);
    expect(states.indexOf(false)).toBe(145);
  });

  it('once lost, only a new handshake brings it back', () => {
    const lost = [[128, 0] as const, ...quiet(25)];
    expect(play(up, [...lost, [0, 148], [0, 0]]).at(-1)).toBe(false);
    expect(play(up, [...lost, [148, 92, handshake + 30], [0, 0]]).at(-1)).toBe(true);
  });

  it('counters that begin again are those of another device, which has yet to shake hands', () => {
    const reborn = { ...seen, latestHandshake: 0, received: 0, sent: 148 };
    const after = followPeer(up, reborn, 1);
    expect(after.isUp).toBe(false);
    expect(followPeer(after, { ...reborn, latestHandshake: handshake, received: 92 }, 2).isUp).toBe(true);
  });
});
