/** The loop with a world that answers at once, but for what each test says of it. */
import { describe, expect, it, vi } from 'vitest';
import type { InterfaceFacts } from '../intent/policy/policy-intent.ts';
import { resource } from '../resources/resource.fixture.ts';
import { makeSnapshot } from '../resources/snapshot.ts';
import { err, ok, type Result } from '../result.ts';
import { startAgent } from './loop.ts';
import type { AgentPorts, HostError } from './ports.ts';

type InterfacesRead = Result<readonly InterfaceFacts[], HostError>;

const still = { close: () => undefined };
const endless = new Promise<never>(() => undefined);
const snapshot = makeSnapshot([
  resource('Router', 'tr1', { asNumber: 64520, interfaces: [] }),
  resource('HostEndpoint', 'all', { node: 'tr1', interfaceName: '*', expectedIPs: ['10.0.0.1'] }),
]);

/** An agent whose kernel never answers, so that what it wants is all there is to see. */
function world(interfaces: () => Promise<InterfacesRead>) {
  const bells: (() => void)[] = [];
  let ringInterfaces = (): void => undefined;
  const ports: AgentPorts = {
    filter: { apply: () => endless, remove: () => endless, monitor: () => still, close: () => undefined },
    table: {
      readTable: () => endless,
      readParts: () => endless,
      readGeneration: () => endless,
      readCounters: () => endless,
      close: () => undefined,
    },
    bird: {
      adopt: () => endless,
      configure: () => endless,
      stop: () => endless,
      sessions: () => endless,
      routes: () => endless,
      restoreRoutes: () => endless,
      onDown: () => still,
      leave: () => undefined,
    },
    host: {
      interfaces,
      setForwarding: () => endless,
      routes: () => endless,
      watch(onChange) {
        ringInterfaces = () => onChange('interfaces');
        return still;
      },
    },
    secrets: { read: () => endless },
    applied: { load: async () => undefined, save: () => endless },
    status: { write: () => endless },
    snapshots: {
      follow({ onSnapshot }) {
        onSnapshot(snapshot, { invalid: [], unreadable: [] });
        return still;
      },
    },
    clock: {
      now: () => 0,
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
  };
}

describe("the agent's loop", () => {
  it('reads interfaces again that could not be read', async () => {
    const failure = err({ kind: 'failed', subject: 'ip', message: 'no memory' } as const);
    const interfaces = vi.fn<() => Promise<InterfacesRead>>().mockResolvedValueOnce(failure).mockResolvedValue(ok([]));
    const { start, ringAll } = world(interfaces);
    const agent = await start();
    expect(agent.intent()).toBeUndefined();
    ringAll();
    await vi.waitFor(() => expect(agent.intent()).toBeDefined());
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
    await vi.waitFor(() => expect(interfaces).toHaveBeenCalledTimes(3));
  });
});
