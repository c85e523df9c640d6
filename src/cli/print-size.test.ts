import { describe, expect, it } from 'vitest';
import { fitInstances, smallestOf } from '../size/instances.ts';
import type { Prediction, RouterPlan } from '../size/predict.ts';
import { printSize } from './print-size.ts';

const mib = 2 ** 20;
const alone: RouterPlan = {
  spokes: 1,
  prefixes: 1,
  ipv6Prefixes: 0,
  sessions: 2,
  isIsolated: true,
  flows: 3,
  policies: 1,
  addresses: 0,
  routers: 1,
};
const parts = { system: 300 * mib, bird: 5 * mib, routes: 0, conntrack: 1, sets: mib, agent: mib, conntrackd: 0 };

function print(totalBytes: number, change: Partial<RouterPlan> = {}, moreParts: Partial<Prediction['parts']> = {}) {
  const instances = fitInstances(totalBytes);
  return printSize({
    plan: { ...alone, ...change },
    parts: { ...parts, ...moreParts },
    totalBytes,
    paths: 2,
    smallest: smallestOf(instances).map(({ name }) => name),
    instances,
    measuredOn: { date: '2026-01-02', kernel: '6.1', bird: '2', nft: '1', conntrackd: '1', node: '20', cores: 2 },
  });
}

describe('printSize', () => {
  it('says what each part is of, and leaves out those that need nothing', () => {
    const text = print(500 * mib);
    expect(text).toMatch(/^BIRD +5\.0 +2 sessions, 2 paths$/m);
    expect(text).toMatch(/^agent +1\.0 +1 spoke, 1 policy, 0 addresses$/m);
    expect(text).not.toMatch(/^(kernel routes|conntrackd)/m);
  });

  it.each([
    ['the smallest that carries it', 500 * mib, {}, /^Smallest that carries the router .*: c7gn\.medium\.$/m],
    [
      'all that are as small',
      2048 * mib,
      { routers: 2 } as const,
      /carries each router .*: c7gn\.large, c6in\.large, c7i\.large\./,
    ],
    ['that none is large enough', 2 ** 40, {}, /^None of these carries the router with 30 % of its memory free/m],
    [
      'where flows are too many to be shared',
      mib,
      { routers: 2, flows: 2_000_000 } as const,
      /^conntrackd holds 1048576 /m,
    ],
    ['what it is measured on', mib, {}, /^Measured 2026-01-02 on Linux 6\.1 with 2 cores, BIRD 2\.$/m],
  ])('says %s', (_, bytes, change, line) => {
    expect(print(bytes, change)).toMatch(line);
  });

  it('says nothing of sharing for one router, however many flows it has', () => {
    expect(print(mib, { flows: 2_000_000 })).not.toMatch(/conntrackd/);
  });
});
