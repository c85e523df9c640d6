/**
 * Established flows under a policy that denies them now: they go on, unless somebody asks for them to be cut; real TCP flows
 * of both families through a real agent's kernel.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../../../lab/eventually.ts';
import { type Machine, openMachine } from './agent-machine.ts';

const probe = resolve(import.meta.dirname, 'flow-probe.mjs');

const router = `
apiVersion: causeway.dev/v1
kind: Router
metadata: { name: gw }
spec: { asNumber: 64520 }
---
apiVersion: projectcalico.org/v3
kind: HostEndpoint
metadata: { name: left, labels: { zone: left } }
spec: { node: gw, interfaceName: eth0 }
---
apiVersion: projectcalico.org/v3
kind: HostEndpoint
metadata: { name: right, labels: { zone: right } }
spec: { node: gw, interfaceName: eth1 }
---`;

const policy = (...nets: string[]) => `
apiVersion: projectcalico.org/v3
kind: GlobalNetworkPolicy
metadata: { name: flow }
spec:
  selector: zone == 'left'
  applyOnForward: true
  types: [Ingress]
  ingress:
${nets.map((net) => `    - { action: Allow, source: { nets: ['${net}'] } }`).join('\n')}
`;

const senders = { kept: '10.0.255.2', denied: '10.0.255.3', denied6: 'fd00::3', kept6: 'fd00::2' } as const;
type Sender = keyof typeof senders;

describe('established flows', () => {
  const echoed = new Map<Sender, { at: number; bytes: number }>();
  const children: ChildProcess[] = [];
  const netns = ['left', 'right'].map((side) => `cw-cut-${side}-${process.pid}`);
  let machine: Machine;

  const file = () => join(machine.folder, 'policy.yaml');

  function startProbe(
    namespace: string,
    hear: (said: { at: number; kind: string; bytes?: number }) => void,
    ...argv: string[]
  ): void {
    const child = spawn('ip', ['netns', 'exec', namespace, process.execPath, probe, ...argv], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    children.push(child);
    createInterface({ input: child.stdout }).on('line', (line) => hear(JSON.parse(line)));
  }

  /**
   * Whether much more is echoed to the sender from now on than was on its way: 100 bytes are sent a second. What it said
   * before now is still unread when a command that was waited for is only just over, and says nothing about now.
   */
  async function goesOn(sender: Sender, within = 60_000): Promise<boolean> {
    const enough = 50;
    const asked = Date.now();
    const heard = () => echoed.get(sender) ?? { at: 0, bytes: 0 };
    const before = await eventually(heard, ({ at }) => at >= asked, { every: 20 });
    expect(before.at).toBeGreaterThanOrEqual(asked);
    const now = await eventually(heard, ({ bytes }) => bytes > before.bytes + enough, { within });
    return now.bytes > before.bytes + enough;
  }

  beforeAll(async () => {
    machine = openMachine('cut');
    for (const [link, namespace] of netns.entries()) {
      const run = (...argv: string[]) => spawnSync('ip', argv);
      run('netns', 'add', namespace);
      machine.must('ip', 'link', 'set', `far${link}`, 'netns', namespace);
      machine.must('ip', 'addr', 'add', `fd0${link}::1/64`, 'dev', `eth${link}`, 'nodad');
      run('-n', namespace, 'link', 'set', `far${link}`, 'up');
      for (const host of [2, 3]) {
        run('-n', namespace, 'addr', 'add', `10.${link}.255.${host}/24`, 'dev', `far${link}`);
        run('-n', namespace, 'addr', 'add', `fd0${link}::${host}/64`, 'dev', `far${link}`, 'nodad');
      }
      run('-n', namespace, 'route', 'add', 'default', 'via', `10.${link}.255.1`);
      run('-n', namespace, '-6', 'route', 'add', 'default', 'via', `fd0${link}::1`);
    }
    machine.apply(router + policy('10.0.255.0/24', 'fd00::/64'));
    machine.startAgent('gw');
    await machine.until('gw', (status) => status.policy.inSync && status.routing.forwarding);
    const listening = new Promise<void>((done) =>
      startProbe(netns[1] ?? '', ({ kind }) => kind === 'listening' && done(), 'receive'),
    );
    await listening;
    for (const [name, address] of Object.entries(senders)) {
      const target = address.includes(':') ? 'fd01::2' : '10.1.255.2';
      startProbe(
        netns[0] ?? '',
        ({ at, bytes }) => bytes !== undefined && echoed.set(name as Sender, { at, bytes }),
        'send',
        target,
        address,
      );
    }
    for (const sender of Object.keys(senders)) expect(await goesOn(sender as Sender)).toBe(true);
  });

  afterAll(() => {
    for (const child of children) child.kill('SIGKILL');
    machine.close();
    for (const namespace of netns) spawnSync('ip', ['netns', 'del', namespace]);
  });

  it('are counted before anything is written', async () => {
    writeFileSync(file(), policy('10.0.255.2/32', 'fd00::2/128'));
    const planned = machine.causeway('apply', '-f', file(), '--dry-run', '--cut-established');
    expect(planned.stdout).toMatch(
      /^GlobalNetworkPolicy\/flow would be changed\ngw: 2 of \d+ established flows would be cut\n/,
    );
    expect(planned.stdout).toContain('tcp 10.0.255.3:');
    expect(planned.stdout).toContain('tcp [fd00::3]:');
    expect(machine.causeway('get', 'gnp', 'flow', '-o', 'yaml').stdout).toContain('10.0.255.0/24');
    expect(await goesOn('denied')).toBe(true);
  });

  it('go on under a policy that denies them', async () => {
    machine.apply(policy('10.0.255.2/32', 'fd00::2/128'));
    await machine.until('gw', ({ policy, store }) => policy.inSync && policy.revision === store.revision);
    for (const sender of Object.keys(senders)) expect(await goesOn(sender as Sender)).toBe(true);
  });

  it('are cut when asked for, and no others', async () => {
    writeFileSync(file(), policy('10.0.255.2/32', 'fd00::2/128'));
    const cut = machine.causeway('apply', '-f', file(), '--cut-established');
    expect(cut.stderr).toBe('');
    expect(cut.stdout).toMatch(/gw: 2 of \d+ established flows were cut\n/);
    expect(await goesOn('denied', 3000)).toBe(false);
    expect(await goesOn('denied6', 3000)).toBe(false);
    expect(await goesOn('kept')).toBe(true);
    expect(await goesOn('kept6')).toBe(true);
  });

  it('leave nothing to cut a second time', () => {
    const cut = machine.causeway('apply', '-f', file(), '--cut-established', '-o', 'json');
    expect(JSON.parse(cut.stdout)).toMatchObject({ established: [{ router: 'gw', denied: 0, cut: 0 }] });
  });

  it('are cut by a file that changes nothing, although the agent wrote a status of its Router since', async () => {
    const whole = join(machine.folder, 'whole.yaml');
    writeFileSync(whole, router + policy('10.0.255.2/32', 'fd00::2/128'));
    const stored = () => JSON.parse(machine.causeway('get', 'router', 'gw', '-o', 'json').stdout);
    const movedOn = async (): Promise<boolean> =>
      Number(stored().metadata.resourceVersion) > ((await machine.status('gw'))?.policy.revision ?? 0);
    expect(await eventually(movedOn, (is) => is)).toBe(true);
    const cut = machine.causeway('apply', '-f', whole, '--cut-established');
    expect(cut).toMatchObject({ code: 0, stderr: '' });
  });

  it('are not cut, and nothing is written, where no agent answers', () => {
    writeFileSync(file(), policy('10.9.0.0/16'));
    const cut = machine.causeway('apply', '-f', file(), '--cut-established', '--run-dir', '/nonexistent');
    expect(cut.code).toBe(69);
    expect(cut.stderr).toContain('nothing was written');
    expect(machine.causeway('get', 'gnp', 'flow', '-o', 'yaml').stdout).not.toContain('10.9.0.0/16');
  });
});
