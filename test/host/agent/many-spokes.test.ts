/** Two hundred spokes on one router: one that comes, and one that changes, leaves all others alone. */
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../../../lab/eventually.ts';
import { type Machine, openMachine } from './agent-machine.ts';
import { openPeer, type Peer } from './bgp-peer.ts';

const spokes = 200;
/** A /30 for each: BIRD speaks with one address but once. */
const addressOf = (spoke: number, end: 'router' | 'spoke'): string =>
  `10.9.${(spoke * 4) >> 8}.${((spoke * 4) & 255) + (end === 'router' ? 1 : 2)}`;
const names = Array.from({ length: spokes }, (_, i) => i + 1);

const router = `
apiVersion: causeway.dev/v1
kind: Router
metadata: { name: gw }
spec: { asNumber: 64520, routerID: 192.0.2.254, forwarding: { defaultAction: Allow } }
---
apiVersion: causeway.dev/v1
kind: Segment
metadata: { name: spokes }
spec: { isolated: true, exchangeWith: [] }
`;

const spoke = (number: number, more = ''): string => `---
apiVersion: causeway.dev/v1
kind: Site
metadata: { name: s${number} }
spec: { type: vpc, prefixes: [10.50.${number}.0/24], segment: spokes }
---
apiVersion: causeway.dev/v1
kind: Attachment
metadata: { name: s${number} }
spec:
  router: gw
  site: s${number}
  link: { interface: { name: eth1 } }
  addresses: { local: [${addressOf(number, 'router')}/30], remote: [${addressOf(number, 'spoke')}] }
  bgp: { asNumber: ${65000 + number}, bfd: 'off'${more} }
`;

const peerProtocol = (number: number): string => `
protocol bgp s${number} {
  local ${addressOf(number, 'spoke')} as ${65000 + number};
  neighbor ${addressOf(number, 'router')} as 64520;
  connect delay time 1;
  connect retry time 2;
  error wait time 1, 2;
  ipv4 { import all; export none; };
}
`;

describe('a router with two hundred spokes', () => {
  let machine: Machine;
  let peer: Peer;
  /** How long each session has been established, in ms, by its name at either end. */
  const ages = (): ReadonlyMap<string, number> => {
    const here = machine.run('birdc', '-s', join(machine.folder, 'run/gw/bird.ctl'), 'show', 'protocols').stdout;
    const up = [
      ...`${here}\n${peer.ask('show', 'protocols')}`.matchAll(
        /^(\S+)\s+BGP\s+\S+\s+up\s+(?:\S+ )?([\d:.]+)\s+Established/gm,
      ),
    ];
    const now = new Date();
    const today = (clock: string): number => {
      const [hours = 0, minutes = 0, seconds = 0] = clock.split(':').map(Number);
      return new Date(now).setHours(hours, minutes, 0, 0) + seconds * 1000;
    };
    const day = 24 * 3_600_000;
    const ageOf = (clock: string): number => {
      const age = now.getTime() - today(clock);
      // It came up before midnight.
      return age < -day / 2 ? age + day : age;
    };
    return new Map(up.map(([, name = '', at = '']) => [name, ageOf(at)]));
  };
  const isOther = (name: string): boolean => !/(^|_)s7(_|$)/.test(name);
  /** Sessions that came up after `begun`, a time of performance.now(). */
  const younger = (sessions: ReadonlyMap<string, number>, begun: number): string[] => {
    const passed = performance.now() - begun;
    return [...sessions].filter(([, age]) => age < passed).map(([name]) => name);
  };
  const untilUp = (count: number) => eventually(ages, (sessions) => sessions.size === 2 * count);

  beforeAll(async () => {
    machine = openMachine('spokes');
    for (const number of names) machine.must('ip', 'addr', 'add', `${addressOf(number, 'router')}/30`, 'dev', 'eth1');
    peer = await openPeer(machine, {
      link: 1,
      onLink: names.map((number) => `${addressOf(number, 'spoke')}/30`),
      hosts: [],
      config: names.map(peerProtocol).join(''),
    });
    machine.apply(
      router +
        names
          .slice(0, -1)
          .map((number) => spoke(number))
          .join(''),
    );
    machine.startAgent('gw');
    await untilUp(spokes - 1);
  });
  afterAll(() => {
    peer?.close();
    machine?.close();
  });

  it('leaves 199 alone when the 200th comes, and speaks with it', async () => {
    expect(ages().size).toBe(2 * (spokes - 1));
    const begun = performance.now();
    machine.apply(spoke(spokes));
    const after = await untilUp(spokes);
    expect(after.size).toBe(2 * spokes);
    // Our end says it by the second, the spoke's by the millisecond.
    expect(younger(after, begun)).toContain('s200');
    expect(younger(after, begun).filter((name) => !/(^|_)s200(_|$)/.test(name))).toEqual([]);
  });

  it('leaves 199 alone when one of them changes, and when it goes', async () => {
    const begun = performance.now();
    machine.apply(spoke(7, ', holdTime: 30s, keepaliveTime: 10s'));
    const changed = await eventually(ages, (now) => now.size === 2 * spokes && younger(now, begun).includes('s7'));
    expect(younger(changed, begun)).toContain('s7');
    expect(younger(changed, begun).filter(isOther)).toEqual([]);
    expect(machine.causeway('delete', 'attachment', 's7')).toMatchObject({ code: 0 });
    const gone = await untilUp(spokes - 1);
    expect([...gone.keys()].filter((name) => !isOther(name))).toEqual([]);
    expect(younger(gone, begun)).toEqual([]);
  });
});
