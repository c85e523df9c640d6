/** Two real agents that keep conntrackd: it is started, found again, replaced, and taken away with all that was set for it. */
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../../../lab/eventually.ts';
import type { StatusView } from '../../../src/api/status-view.ts';
import { type Machine, openMachine } from '../agent/agent-machine.ts';

const names = ['r1', 'r2'] as const;
type Name = (typeof names)[number];

const router = (name: Name, sync: string): string => `
apiVersion: causeway.dev/v1
kind: Router
metadata: { name: ${name} }
spec:
  asNumber: 64520
  redundancyGroup: hub
${sync}
  interfaces: [{ name: sync, addresses: [192.0.2.${name === 'r1' ? 1 : 2}/30] }]
`;
const shared = '  stateSync: { interface: sync }';
const topology = (sync: string): string => names.map((name) => router(name, sync)).join('---');

const site = `
apiVersion: causeway.dev/v1
kind: Site
metadata: { name: left }
spec: { type: vpc, prefixes: [10.50.0.0/16] }
`;

const machines = {} as Record<Name, Machine>;
const agents = {} as Record<Name, ReturnType<Machine['startAgent']>>;

async function sync(name: Name): Promise<StatusView['stateSync']> {
  return (await machines[name].status(name))?.stateSync ?? null;
}

const untilSync = (name: Name, matches: (seen: NonNullable<StatusView['stateSync']>) => boolean) =>
  eventually(
    () => sync(name),
    (seen) => seen !== null && matches(seen),
    { every: 200 },
  );

const file = (name: Name, ending: string): string => join(machines[name].folder, 'run', name, `conntrackd.${ending}`);
const pidOf = (name: Name): number => Number(readFileSync(file(name, 'pid'), 'utf8'));
/** A process that ended and that nobody waited for has no command line any more. */
const runs = (pid: number): boolean =>
  existsSync(`/proc/${pid}/cmdline`) && readFileSync(`/proc/${pid}/cmdline`, 'utf8') !== '';
const tracking = (name: Name): string[] =>
  ['tcp_loose', 'tcp_be_liberal'].map((key) =>
    machines[name].must('cat', `/proc/sys/net/netfilter/nf_conntrack_${key}`).trim(),
  );

beforeAll(async () => {
  for (const name of names) machines[name] = openMachine(name);
  const { r1, r2 } = machines;
  r1.must('ip', 'link', 'add', 'sync', 'type', 'veth', 'peer', 'name', 'sync', 'netns', r2.netns);
  for (const [i, name] of names.entries()) {
    machines[name].must('ip', 'addr', 'add', `192.0.2.${i + 1}/30`, 'dev', 'sync');
    machines[name].must('ip', 'link', 'set', 'sync', 'up');
    machines[name].must('sh', '-c', 'echo 1 > /proc/sys/net/netfilter/nf_conntrack_tcp_be_liberal');
    machines[name].apply(topology(shared));
    agents[name] = machines[name].startAgent(name);
  }
});
afterAll(() => {
  for (const machine of Object.values(machines)) machine.close();
});

describe('two agents', () => {
  it('share state through their own policy, and say so', async () => {
    for (const name of names) {
      expect(await untilSync(name, ({ isShared }) => isShared)).toMatchObject({
        isShared: true,
        isRunning: true,
        restarts: 0,
        interface: 'sync',
        peers: [{ router: name === 'r1' ? 'r2' : 'r1' }],
      });
      expect(tracking(name)).toEqual(['0', '1']);
    }
    expect(machines.r1.causeway('status', '--router', 'r1').stdout).toMatch(/State sync: +shared with r2/);
  });

  it('leave conntrackd alone when an agent is killed, and its successor finds it', async () => {
    const pid = pidOf('r1');
    agents.r1.kill('SIGKILL');
    await once(agents.r1, 'exit');
    expect(machines.r1.must('cat', `/proc/${pid}/comm`).trim()).toBe('conntrackd');
    agents.r1 = machines.r1.startAgent('r1');
    expect(await untilSync('r1', ({ isShared }) => isShared)).toMatchObject({ isShared: true, restarts: 0 });
    expect(pidOf('r1')).toBe(pid);
  });

  it('do nothing to it when something else changes', async () => {
    const before = [pidOf('r1'), readFileSync(file('r1', 'conf'), 'utf8')];
    const revision = (await machines.r1.status('r1'))?.policy.revision ?? 0;
    machines.r1.apply(`${topology(shared)}---${site}`);
    const status = await machines.r1.until('r1', ({ policy }) => (policy.revision ?? 0) > revision);
    expect(status?.policy.revision).toBeGreaterThan(revision);
    expect([pidOf('r1'), readFileSync(file('r1', 'conf'), 'utf8')]).toEqual(before);
  });

  it.each(['SIGKILL', 'SIGSTOP'] as const)('replace a conntrackd after %s', async (signal) => {
    const pid = pidOf('r2');
    const restarts = (await sync('r2'))?.restarts ?? 0;
    process.kill(pid, signal);
    expect(await untilSync('r2', (seen) => seen.restarts === restarts + 1 && seen.isShared)).toMatchObject({
      restarts: restarts + 1,
      isShared: true,
    });
    expect(pidOf('r2')).not.toBe(pid);
    expect(runs(pid)).toBe(false);
  });

  it('say that nothing is shared while the other conntrackd is away', async () => {
    machines.r2.apply(topology(''));
    agents.r2.kill('SIGKILL');
    await once(agents.r2, 'exit');
    process.kill(pidOf('r2'), 'SIGKILL');
    expect(await untilSync('r1', ({ isShared }) => !isShared)).toMatchObject({ isShared: false, isRunning: true });
    expect(machines.r1.causeway('status', '--router', 'r1').stdout).toContain('connection state is not shared');
  });

  it('take it away when no state is to be shared, and put the settings of TCP back as found', async () => {
    const pid = pidOf('r1');
    machines.r1.apply(topology(''));
    expect(
      await eventually(
        () => tracking('r1').join(),
        (text) => text === '1,1',
      ),
    ).toBe('1,1');
    const left = async () => ({ runs: runs(pid), hasFile: existsSync(file('r1', 'conf')), told: await sync('r1') });
    const nothing = { runs: false, hasFile: false, told: null };
    await expect.poll(left).toEqual(nothing);
  });
});
