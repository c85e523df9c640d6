/** A keeper among drivers that fail, throw and hang. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { LinkIntent, LinkKind } from '../intent/links/links-intent.ts';
import type { LinkDriver } from '../links/link-driver.ts';
import { type LinkDemand, type LinkStatus, linkKinds } from '../links/link-keeper.ts';
import type { LinkReport } from '../links/link-report.ts';
import { keepLinks, type LinkDrivers } from './keep-links.ts';

const vlan: LinkIntent = {
  kind: 'vlan',
  attachment: 'dx',
  interfaceName: 'eth0.101',
  parent: 'eth0',
  id: 101,
  addresses: [],
  remotes: [],
  mtu: undefined,
  mssClamp: undefined,
};
const device: LinkIntent = { ...vlan, kind: 'interface', attachment: 'lan', interfaceName: 'eth1' };

type Answer = (links: readonly LinkIntent[]) => Promise<readonly LinkReport[]>;

const reportsOf = (links: readonly LinkIntent[], state: LinkReport['state']): readonly LinkReport[] =>
  links.map(({ attachment, interfaceName, kind }) => ({
    ...{ attachment, interfaceName, kind, driver: 'device', state, mtu: 1500 },
    reason: state === 'up' ? null : 'because',
  }));

const comesUp: Answer = async (links) => reportsOf(links, 'up');
const fails: Answer = async (links) => reportsOf(links, 'failed');
const throws: Answer = () => Promise.reject(new Error('ip is not installed'));
const hangs: Answer = () => new Promise(() => undefined);

/** A keeper that has just begun, and the world around it, in which time passes as it is told to. */
function start(links: readonly LinkIntent[], answers: Partial<Record<LinkKind, Answer>>) {
  const demand: LinkDemand = { links, isGuarded: true, isSettled: true, isAwaited: false, present: new Set() };
  const log: string[] = [];
  const turns: Record<LinkKind, number> = { interface: 0, vlan: 0, ipsec: 0, wireguard: 0 };
  const left: LinkKind[] = [];
  const world = { demand: demand as LinkDemand | undefined, statuses: [] as readonly LinkStatus[], log, turns, left };
  const driver = (kind: LinkKind): LinkDriver => ({
    ensure(wanted) {
      turns[kind]++;
      return (answers[kind] ?? comesUp)(wanted);
    },
    watch: () => ({ close: () => undefined }),
    leave: () => void left.push(kind),
  });
  const keeper = keepLinks(
    {
      linkDemand: () => world.demand,
      noteLinks(statuses) {
        world.statuses = statuses;
      },
    },
    Object.fromEntries(linkKinds.map((kind) => [kind, driver(kind)])) as unknown as LinkDrivers,
    {
      clock: {
        now: () => Date.now(),
        every(ms, ring) {
          const timer = setInterval(ring, ms);
          return { close: () => clearInterval(timer) };
        },
      },
      log: {
        write: (level, message, fields) =>
          void log.push(
            `${level} ${message} ${fields['interface'] ?? fields['kind']}: ${fields['reason'] ?? fields['error'] ?? ''}`,
          ),
      },
      secrets: { read: async () => new Map() },
    },
  );
  return {
    ...world,
    world,
    keeper,
    states: () => world.statuses.map(({ interfaceName, state }) => `${interfaceName} ${state}`),
  };
}

describe('what keeps links', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());
  const pass = (ms: number): Promise<unknown> => vi.advanceTimersByTimeAsync(ms);

  it('reports each link, and says once that it came up', async () => {
    const run = start([vlan, device], {});
    await pass(120_000);
    expect(run.states()).toEqual(['eth0.101 up', 'eth1 up']);
    expect(run.log).toEqual(['info link up eth1: ', 'info link up eth0.101: ']);
    expect(run.keeper.pendingReason()).toBeUndefined();
  });

  it('goes on with the others where a driver hangs, and says so once', async () => {
    const run = start([vlan, device], { vlan: hangs });
    await pass(600_000);
    expect(run.states()).toEqual(['eth0.101 down', 'eth1 up']);
    expect(run.turns.interface).toBeGreaterThan(30);
    expect(run.log.filter((line) => line.startsWith('warn'))).toEqual([
      'warn links take long; those of other kinds do not wait for them vlan: ',
    ]);
    expect(run.keeper.pendingReason()).toBe('links of kind vlan are being set up');
  });

  it('ends although a driver hangs', async () => {
    const run = start([vlan], { vlan: hangs });
    let isClosed = false;
    void run.keeper.close().then(() => {
      isClosed = true;
    });
    await pass(4_999);
    expect(isClosed).toBe(false);
    await pass(1);
    expect(isClosed).toBe(true);
    expect(run.left).toEqual(linkKinds);
  });

  it.each([
    { what: 'a driver throws', answer: throws, line: 'error link failed eth0.101: ip is not installed' },
    { what: 'a link fails', answer: fails, line: 'error link failed eth0.101: because' },
  ])('tries again four times a minute at last, and says it once, where $what', async ({ answer, line }) => {
    const run = start([vlan, device], { vlan: answer });
    await pass(600_000);
    const before = run.turns.vlan;
    await pass(60_000);
    expect(run.turns.vlan - before).toBeLessThanOrEqual(4);
    expect(run.states()).toEqual(['eth0.101 failed', 'eth1 up']);
    expect(run.log.filter((text) => text.startsWith('error'))).toEqual([line]);
  });

  it('says once of what a driver failed that was asked for no link', async () => {
    const run = start([], { wireguard: throws });
    await pass(600_000);
    expect(run.log).toEqual(['error links cannot be looked after wireguard: ip is not installed']);
    expect(run.keeper.pendingReason()).toMatch(/^links of kind wireguard cannot be looked after/);
  });

  it('asks for nothing while everything is to stay as it is', async () => {
    const run = start([vlan], {});
    await pass(1000);
    const before = { ...run.turns };
    run.world.demand = undefined;
    await pass(600_000);
    expect(run.turns).toEqual(before);
    expect(run.states()).toEqual(['eth0.101 up']);
  });
});
