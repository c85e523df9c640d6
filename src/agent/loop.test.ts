/** The loop with a world that answers at once, but for what each test says of it. */
import { describe, expect, it, vi } from 'vitest';
import type { InterfaceFacts } from '../intent/policy/policy-intent.ts';
import { resolveIntent } from '../intent/resolve-intent.ts';
import { compileRuleset } from '../nftables/compile.ts';
import { diffRulesets, isEmptyChange } from '../nftables/diff.ts';
import { expectedDigests } from '../nftables/expected-table.ts';
import type { Ruleset } from '../nftables/ruleset.ts';
import { resource } from '../resources/resource.fixture.ts';
import type { AnyResource } from '../resources/resource.ts';
import { makeSnapshot, type Snapshot } from '../resources/snapshot.ts';
import { err, ok, type Result } from '../result.ts';
import { startAgent } from './loop.ts';
import type { AgentPorts, HostError } from './ports.ts';

type InterfacesRead = Result<readonly InterfaceFacts[], HostError>;

const still = { close: () => undefined };
const endless = new Promise<never>(() => undefined);
function pod(app: string) {
  return resource('WorkloadEndpoint', 'a', { ipNetworks: ['10.1.0.1/32'] }, { app }, 'n');
}

const router = resource('Router', 'tr1', { asNumber: 64520, interfaces: [] });
const others = [
  resource('HostEndpoint', 'all', { node: 'tr1', interfaceName: '*' }, { role: 'wan' }),
  resource('GlobalNetworkPolicy', 'web', {
    selector: 'role == "wan"',
    ingress: [{ action: 'Allow', source: { selector: 'app == "web"' } }],
  }),
];
const snapshot = makeSnapshot([router, ...others, pod('web')]);

/** A kernel that takes every table whole; changes of one are refused, so that the next comes whole. */
function world(interfaces: () => Promise<InterfacesRead> = async () => ok([])) {
  const bells: (() => void)[] = [];
  let kernel: Ruleset | undefined;
  let tellSnapshot: (next: Snapshot) => void = () => undefined;
  let ringInterfaces = (): void => undefined;
  const ports: AgentPorts = {
    filter: {
      async apply({ whole }) {
        if (!whole) return err({ kind: 'refused', message: 'not whole' });
        kernel = whole;
        return ok(undefined);
      },
      async remove() {
        kernel = undefined;
        return ok(undefined);
      },
      monitor: () => still,
      close: () => undefined,
    },
    table: {
      readTable: async () => ok(kernel && { generation: 1, digests: expectedDigests(kernel) }),
      readParts: () => endless,
      readGeneration: () => endless,
      readCounters: () => endless,
      close: () => undefined,
    },
    bird: {
      adopt: async () => undefined,
      configure: async () => ok(undefined),
      stop: async () => ok(undefined),
      sessions: () => endless,
      routes: () => endless,
      activeAggregates: () => endless,
      countExported: () => endless,
      bfd: () => endless,
      enable: () => endless,
      restoreRoutes: () => endless,
      readmitRoutes: () => endless,
      onDown: () => still,
      leave: () => undefined,
    },
    host: {
      interfaces,
      setForwarding: async () => ok(false),
      confine: async () => ok(false),
      routes: () => endless,
      traffic: () => endless,
      watch(onChange) {
        ringInterfaces = () => onChange('interfaces');
        return still;
      },
    },
    secrets: { read: async () => new Map() },
    drain: { load: async () => undefined, save: async () => ok(undefined) },
    snippets: { read: async () => ok([]) },
    applied: { load: async () => undefined, save: () => endless },
    status: { write: () => endless },
    snapshots: {
      follow({ onSnapshot }) {
        tellSnapshot = (next) => onSnapshot(next, { invalid: [], unreadable: [] });
        tellSnapshot(snapshot);
        return still;
      },
    },
    clock: {
      now: Date.now,
      every(_ms, ring) {
        bells.push(ring);
        return still;
      },
    },
    log: { write: () => undefined },
  };
  return {
    start: () => startAgent('tr1', { version: 'test', pid: 1, startedAt: '' }, ports),
    ringAll: () => bells.forEach((ring) => void ring()),
    ringInterfaces: () => ringInterfaces(),
    tellSnapshot: (...resources: AnyResource[]) => tellSnapshot(makeSnapshot(resources)),
    kernel: () => kernel,
  };
}

describe("the agent's loop", () => {
  it('knows a router that comes back by the labels of now, not of when it went', async () => {
    const { start, tellSnapshot, kernel } = world();
    const agent = await start();
    await expect.poll(() => agent.isConverged() && kernel()).toBeTruthy();
    tellSnapshot(...others, pod('db'));
    await expect.poll(() => kernel()).toBeUndefined();
    tellSnapshot(router, ...others, pod('db'));
    await expect.poll(() => agent.isConverged() && kernel()).toBeTruthy();
    const fresh = resolveIntent(makeSnapshot([router, ...others, pod('db')]), 'tr1', { interfaces: [] });
    expect(fresh.ok && kernel()).toBeTruthy();
    if (fresh.ok) expect(diffRulesets(kernel(), compileRuleset(fresh.value.policy))).toSatisfy(isEmptyChange);
  });

  it('reads interfaces again that could not be read', async () => {
    const failure = err({ kind: 'failed', subject: 'ip', message: 'no memory' } as const);
    const interfaces = vi.fn<() => Promise<InterfacesRead>>().mockResolvedValueOnce(failure).mockResolvedValue(ok([]));
    const { start, ringAll } = world(interfaces);
    const agent = await start();
    expect(agent.intent()).toBeUndefined();
    ringAll();
    await expect.poll(() => agent.intent()).toBeDefined();
  });

  it('reads interfaces one time after the other, so that the newest reading counts', async () => {
    const answers: ((read: InterfacesRead) => void)[] = [];
    const interfaces = vi
      .fn(() => new Promise<InterfacesRead>((resolve) => answers.push(resolve)))
      .mockResolvedValueOnce(ok([]));
    const { start, ringInterfaces } = world(interfaces);
    await start();
    ringInterfaces();
    ringInterfaces();
    expect(interfaces).toHaveBeenCalledTimes(2);
    answers[0]?.(ok([]));
    await expect.poll(() => interfaces.mock.calls.length).toBe(3);
  });
});
