import { describe, expect, it } from 'vitest';
import { printConntrackd } from '../conntrackd/config.ts';
import { type SizeConstants, sizeConstants } from './constants.ts';
import { mostSharedFlows, pathsPerPrefix, predictSize, type RouterPlan } from './predict.ts';

const round: SizeConstants = {
  measuredOn: { date: '', kernel: '', bird: '', nft: '', conntrackd: '', node: '', cores: 2 },
  bird: { base: 1_000, perSession: 100, perIpv4Path: 10, perIpv6Path: 20, perToldSession: 30, perThousandTold: 500 },
  kernel: { perIpv4Route: 3, perIpv6Route: 5, perFlow: 92 },
  sets: { perPolicy: 7, perAddress: 11 },
  agent: { base: 5_000, perSpoke: 13, perRoute: 2, perPolicy: 17, perAddress: 19 },
  conntrackd: { base: 2_000, perFlow: 50 },
};

const plan: RouterPlan = {
  spokes: 10,
  prefixes: 100,
  ipv6Prefixes: 0,
  sessions: 10,
  isIsolated: true,
  flows: 0,
  policies: 0,
  addresses: 0,
  routers: 1,
};

describe('predictSize', () => {
  it.each<[string, Partial<RouterPlan>, Partial<Record<string, number>>]>([
    ['a path for each prefix', {}, { bird: 1_000 + 1_000 + 1_000, routes: 300, conntrack: 0, conntrackd: 0 }],
    ['IPv6 by its own figures', { ipv6Prefixes: 40 }, { bird: 2_000 + 60 * 10 + 40 * 20, routes: 60 * 3 + 40 * 5 }],
    ['each prefix for each session of its spoke', { sessions: 20 }, { bird: 1_000 + 2_000 + 2_000, routes: 300 }],
    ['no less than one path where spokes share a session', { sessions: 1 }, { bird: 1_000 + 100 + 1_000 }],
    ['what it told each session', { isIsolated: false }, { bird: 3_000 + 10 * (30 + 50) }],
    ['a flow and its place in the hash', { flows: 5 }, { conntrack: 500, conntrackd: 0 }],
    [
      'policy in the kernel and in the agent',
      { policies: 2, addresses: 3 },
      { sets: 47, agent: 5_130 + 200 + 34 + 57 },
    ],
    [
      'the session with the other router, its paths, and the flows of both',
      { routers: 2, flows: 5 },
      { bird: 1_000 + 1_100 + 2_000, routes: 300, conntrack: 500, conntrackd: 2_250 },
    ],
  ])('counts %s', (_, change, parts) => {
    expect(predictSize({ ...plan, ...change }, round).parts).toMatchObject(parts);
  });

  it('sums its parts', () => {
    const { parts, totalBytes } = predictSize({ ...plan, routers: 2, flows: 9, policies: 1, addresses: 1 }, round);
    expect(totalBytes).toBe(Object.values(parts).reduce((sum, bytes) => sum + bytes, 0));
  });

  it.each(['spokes', 'prefixes', 'sessions', 'flows', 'policies', 'addresses'] as const)(
    'never needs less for more %s, by the measured figures',
    (name) => {
      const more = { ...plan, [name]: plan[name] * 100 + 100 };
      // More spokes on the same sessions: fewer sessions each. A hub that grows, grows in both.
      const larger = name === 'spokes' ? { ...more, sessions: more.spokes } : more;
      expect(predictSize(larger, sizeConstants).totalBytes).toBeGreaterThan(
        predictSize(plan, sizeConstants).totalBytes,
      );
    },
  );

  it('needs more on each of two routers than on one', () => {
    const flows = 100_000;
    const one = predictSize({ ...plan, flows }, sizeConstants);
    expect(predictSize({ ...plan, flows, routers: 2 }, sizeConstants).totalBytes).toBeGreaterThan(one.totalBytes);
  });
});

describe('pathsPerPrefix', () => {
  it.each([
    [10, 10, 1, 1],
    [10, 25, 1, 2.5],
    [10, 10, 2, 2],
    [10, 5, 1, 1],
  ] as const)('of %i spokes with %i sessions on %i routers is %d', (spokes, sessions, routers, copies) => {
    expect(pathsPerPrefix({ ...plan, spokes, sessions, routers })).toBe(copies);
  });
});

it('knows how many flows conntrackd is told to hold', () => {
  const address = { family: 4, bits: 1n } as const;
  const files = { config: '/c', lock: '/l', socket: '/s', log: '/g' };
  const text = printConntrackd({ interfaceName: 'a', local: address, peer: address, port: 1, ignored: [], files });
  expect(text).toContain(`HashLimit ${mostSharedFlows}\n`);
});

describe('the measured constants', () => {
  const figures = Object.entries(sizeConstants).flatMap(([area, values]) =>
    Object.entries(values).flatMap(([name, value]) => (typeof value === 'number' ? [[`${area}.${name}`, value]] : [])),
  );

  it.each(figures)('%s is a whole number above 0', (_, value) => {
    expect(Number.isSafeInteger(value) && Number(value) > 0).toBe(true);
  });

  it('say of which day and versions they are', () => {
    const { date, kernel, bird, nft, conntrackd, node } = sizeConstants.measuredOn;
    expect(date).toMatch(/^\d{4}-\d{2}-\d{2}$/);
    expect([kernel, bird, nft, conntrackd, node].every((version) => /^\d+\.\d+/.test(version))).toBe(true);
  });
});
