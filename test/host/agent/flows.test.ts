/**
 * Flow records of real packets through a real agent's kernel: denied, logged, tried against staged policy; a flood of them.
 */
import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { build } from 'esbuild';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../../../lab/eventually.ts';
import type { FlowsView } from '../../../src/api/flows-view.ts';
import type { FlowRecord } from '../../../src/flows/flow-record.ts';
import { type Machine, openMachine } from './agent-machine.ts';
import type { Holding } from './nflog-holder.ts';

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
---
apiVersion: projectcalico.org/v3
kind: GlobalNetworkSet
metadata: { name: clients, labels: { app: client } }
spec: { nets: [10.0.255.2/32, 'fd00::2/128'] }
---
apiVersion: projectcalico.org/v3
kind: GlobalNetworkPolicy
metadata: { name: transit }
spec:
  order: 10
  selector: zone == 'left'
  applyOnForward: true
  types: [Ingress]
  ingress:
    - { action: Log, protocol: UDP, destination: { ports: [1000] } }
    - { action: Allow, protocol: UDP, destination: { ports: [53, 1000] } }
    - { action: Deny, protocol: UDP, source: { selector: app == 'client' }, destination: { ports: [7000] } }
`;

const staged = `---
apiVersion: projectcalico.org/v3
kind: StagedGlobalNetworkPolicy
metadata: { name: tight }
spec:
  order: 1
  selector: zone == 'left'
  applyOnForward: true
  types: [Ingress]
  ingress:
    - { action: Deny, protocol: UDP, source: { selector: app == 'client' }, destination: { ports: [53] } }
    - { action: Allow, protocol: UDP, destination: { ports: [7000] } }
`;

describe('packets', () => {
  const [left = '', right = ''] = ['left', 'right'].map((side) => `cw-flows-${side}-${process.pid}`);
  let machine: Machine;
  let agentPid = 0;

  function view(...options: string[]): FlowsView {
    const ran = machine.causeway('flows', '--router', 'gw', '-o', 'json', ...options);
    if (ran.code !== 0) throw new Error(ran.stderr);
    return JSON.parse(ran.stdout) as FlowsView;
  }

  /** One datagram from the left. */
  function send(to: string, port: number, from = left): void {
    spawnSync('ip', ['netns', 'exec', from, 'bash', '-c', `echo x > /dev/udp/${to}/${port}`]);
  }

  function recordOf(is: (record: FlowRecord) => boolean, ...options: string[]): Promise<FlowRecord | undefined> {
    return eventually(
      () => view(...options).records.find(is),
      (record) => record !== undefined,
    );
  }

  const goesTo = (address: string, port: number) => (record: FlowRecord) =>
    record.destination.address === address && record.destination.port === port;

  beforeAll(async () => {
    machine = openMachine('flows');
    for (const [link, namespace] of [left, right].entries()) {
      const run = (...argv: string[]) => spawnSync('ip', argv);
      run('netns', 'add', namespace);
      machine.must('ip', 'link', 'set', `far${link}`, 'netns', namespace);
      machine.must('ip', 'addr', 'add', `fd0${link}::1/64`, 'dev', `eth${link}`, 'nodad');
      run('-n', namespace, 'link', 'set', `far${link}`, 'up');
      run('-n', namespace, 'addr', 'add', `10.${link}.255.2/24`, 'dev', `far${link}`);
      run('-n', namespace, 'addr', 'add', `fd0${link}::2/64`, 'dev', `far${link}`, 'nodad');
      run('-n', namespace, 'route', 'add', 'default', 'via', `10.${link}.255.1`);
      run('-n', namespace, '-6', 'route', 'add', 'default', 'via', `fd0${link}::1`);
    }
    machine.apply(router + staged);
    machine.startAgent('gw');
    const status = await machine.until('gw', ({ policy, routing }) => policy.inSync && routing.forwarding);
    expect(status?.policy.inSync).toBe(true);
    agentPid = status?.agent.pid ?? 0;
  });

  afterAll(() => {
    machine.close();
    for (const namespace of [left, right]) spawnSync('ip', ['netns', 'del', namespace]);
  });

  it.each([
    ['IPv4', '10.0.255.2', '10.1.255.2'],
    ['IPv6', 'fd00::2', 'fd01::2'],
  ])('that a rule denies name it, with interfaces and labels: %s', async (_, from, to) => {
    send(to, 7000);
    expect(await recordOf(goesTo(to, 7000), '--denied')).toMatchObject({
      event: 'denied',
      in: 'eth0',
      out: 'eth1',
      source: { address: from, owners: [{ id: 'GlobalNetworkSet/clients', labels: { app: 'client' } }] },
      protocol: 'udp',
      stage: 'forward-ingress',
      verdict: 'drop',
      rule: { kind: 'GlobalNetworkPolicy', name: 'transit', tier: 'default', direction: 'ingress', index: 2 },
      packets: 1,
      note: null,
      staged: {
        verdict: 'accept',
        rule: { kind: 'StagedGlobalNetworkPolicy', name: 'tight', index: 1 },
        differs: true,
      },
    });
  });

  it('that no rule matches name the end of the tier', async () => {
    send('10.1.255.2', 9);
    expect(await recordOf(goesTo('10.1.255.2', 9))).toMatchObject({
      event: 'denied',
      stage: 'forward-ingress',
      rule: null,
      reason: 'end of tier default: no policy of it decided',
      note: null,
    });
  });

  it('that a Log rule matches are recorded with the rule and what became of them', async () => {
    send('10.1.255.2', 1000);
    expect(await recordOf(goesTo('10.1.255.2', 1000))).toMatchObject({
      event: 'logged',
      verdict: 'accept',
      rule: { name: 'transit', index: 1 },
      loggedBy: [{ kind: 'GlobalNetworkPolicy', name: 'transit', direction: 'ingress', index: 0 }],
      packets: 1,
    });
  });

  it.each([
    ['IPv4', '10.1.255.2'],
    ['IPv6', 'fd01::2'],
  ])('that pass and staged policy would deny are recorded as such: %s', async (_, to) => {
    send(to, 53);
    expect(await recordOf(goesTo(to, 53), '--staged')).toMatchObject({
      event: 'sampled',
      in: 'eth0',
      out: 'eth1',
      verdict: 'accept',
      rule: { kind: 'GlobalNetworkPolicy', name: 'transit', index: 1 },
      staged: {
        verdict: 'drop',
        stage: 'forward-ingress',
        rule: { kind: 'StagedGlobalNetworkPolicy', name: 'tight', direction: 'ingress', index: 0 },
        differs: true,
      },
    });
  });

  it('to and from the router itself are recorded in their stages', async () => {
    send('10.0.255.1', 9999);
    expect(await recordOf(goesTo('10.0.255.1', 9999))).toMatchObject({
      event: 'denied',
      in: 'eth0',
      out: null,
      stage: 'normal-ingress',
    });
    machine.run('bash', '-c', 'echo x > /dev/udp/10.1.255.2/8888');
    expect(await recordOf(goesTo('10.1.255.2', 8888))).toMatchObject({
      event: 'denied',
      in: null,
      out: 'eth1',
      stage: 'normal-egress',
      reason: 'no tier of endpoint right decided and it has no profile',
      note: null,
    });
    send('10.0.255.1', 53);
    expect(await recordOf(goesTo('10.0.255.1', 53), '--staged')).toMatchObject({
      event: 'sampled',
      stage: 'normal-ingress',
      staged: { verdict: 'drop', stage: 'normal-ingress' },
    });
  });

  it('are summed up for each staged policy', async () => {
    const [summary] = view().staged;
    expect(summary).toMatchObject({ policy: 'StagedGlobalNetworkPolicy/tight', action: 'Set', target: null });
    expect(summary?.wouldAllow).toBeGreaterThan(0);
    expect(summary?.wouldDeny).toBeGreaterThan(0);
    expect(machine.causeway('flows', '--router', 'gw', '--summary').stdout).toMatch(/tight +Set +- +[1-9]/);
  });

  it('are followed as lines of JSON, over a restart of the agent', async () => {
    const { program, args, env } = machine.command('flows', '--router', 'gw', '--follow', '--denied', '-o', 'json');
    const follower = spawn(program, args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
    const lines: FlowRecord[] = [];
    const said: string[] = [];
    createInterface({ input: follower.stdout }).on('line', (line) => lines.push(JSON.parse(line) as FlowRecord));
    createInterface({ input: follower.stderr }).on('line', (line) => said.push(line));
    const ended = new Promise<number | null>((resolve) => follower.on('exit', resolve));
    const hears = (port: number) =>
      eventually(
        () => {
          send('10.1.255.2', port);
          return lines.some(goesTo('10.1.255.2', port));
        },
        (isHeard) => isHeard,
      );
    expect(await hears(7000)).toBe(true);
    process.kill(agentPid, 'SIGKILL');
    const isGone = () => said.some((line) => /went away/.test(line));
    expect(await eventually(isGone, (is) => is)).toBe(true);
    machine.startAgent('gw');
    const status = await machine.until('gw', ({ agent, policy }) => agent.pid !== agentPid && policy.inSync);
    agentPid = status?.agent.pid ?? 0;
    expect(await hears(7001)).toBe(true);
    // What it said and what it recorded come by pipes of their own.
    const isBack = () => said.includes('the agent is back; records go on');
    expect(await eventually(isBack, (is) => is)).toBe(true);
    follower.kill('SIGINT');
    expect(await ended).toBe(0);
  });

  it('of a flood cost no memory and stop nothing, and how many are missing is said', async () => {
    const residentMb = () =>
      Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${agentPid}/status`, 'utf8'))?.[1] ?? 0) / 1024;
    const flood = resolve(import.meta.dirname, 'flow-flood.mjs');
    const before = view().unrecorded;
    const memory = residentMb();
    const flooding = spawn('ip', ['netns', 'exec', left, process.execPath, flood, '10.1.255.2'], { stdio: 'ignore' });
    const ended = new Promise((resolve) => flooding.on('exit', resolve));
    expect((await machine.status('gw'))?.policy.inSync).toBe(true);
    const after = await eventually(view, ({ unrecorded }) => unrecorded.limited - before.limited > 100_000);
    flooding.kill('SIGKILL');
    await ended;
    const told = after.records.filter(({ source }) => source.address === '10.0.255.2').length;
    expect(after.unrecorded.limited - before.limited).toBeGreaterThan(100_000);
    expect(told).toBeLessThanOrEqual(10_000);
    expect(residentMb() - memory).toBeLessThan(64);
    expect(machine.causeway('flows', '--router', 'gw').stdout).toMatch(
      /\d+ packets not recorded since the agent began/,
    );
    // It goes on afterwards.
    send('10.1.255.2', 7777);
    expect(await recordOf(goesTo('10.1.255.2', 7777))).toMatchObject({ event: 'denied', note: null });
  });

  it('are read by one program: an agent that is too late says so, and reads when the other ends', async () => {
    const doctor = () => machine.causeway('doctor', '--run-dir', join(machine.folder, 'run')).stdout;
    expect(doctor()).toMatch(/flow records +fine/);
    process.kill(agentPid, 'SIGKILL');
    // Beside the packages it imports.
    mkdirSync('.cache', { recursive: true });
    const built = resolve('.cache', `nflog-holder-${process.pid}.mjs`);
    await build({
      entryPoints: ['test/host/agent/nflog-holder.ts'],
      outfile: built,
      bundle: true,
      platform: 'node',
      format: 'esm',
      external: ['koffi'],
      logLevel: 'silent',
    });
    const { args } = machine.command();
    const holder = spawn('ip', [...args.slice(0, 3), process.execPath, built], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    try {
      const said = await new Promise<string>((done) => createInterface({ input: holder.stdout }).once('line', done));
      expect(said).toBe('held' satisfies Holding);
      expect(doctor()).toMatch(/flow records +WARNING +nflog group 100 is read by another program/);
      machine.startAgent('gw');
      const status = await machine.until('gw', ({ policy }) => policy.inSync);
      expect(status?.warnings.join()).toContain('another program reads nflog group 100');
      const flows = machine.causeway('flows', '--router', 'gw');
      expect(flows.code).toBe(1);
      expect(flows.stderr).toContain('nothing is recorded now: another program reads nflog group 100');
    } finally {
      holder.kill('SIGKILL');
      rmSync(built, { force: true });
    }
    const isRecorded = () => {
      send('10.1.255.2', 7002);
      return machine.causeway('flows', '--router', 'gw').stdout.includes(':7002');
    };
    expect(await eventually(isRecorded, (is) => is)).toBe(true);
  });
});
