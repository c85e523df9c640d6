/** The agent on a real kernel, with a real BIRD: started, killed, disturbed, and taken away. */
import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../../../lab/eventually.ts';
import { openEmbeddedStore } from '../../../src/edge/embedded-store.ts';
import { resourceKey } from '../../../src/store/keys.ts';
import { type Machine, openMachine } from './agent-machine.ts';

const topology = `
apiVersion: causeway.dev/v1
kind: Router
metadata: { name: gw }
spec: { asNumber: 64520 }
---
apiVersion: causeway.dev/v1
kind: Site
metadata: { name: left, labels: { zone: left } }
spec: { type: vpc, prefixes: [10.50.0.0/16] }
---
apiVersion: causeway.dev/v1
kind: Attachment
metadata: { name: left }
spec:
  router: gw
  site: left
  link: { interface: { name: eth0 } }
  addresses: { local: [10.0.255.1/24], remote: [10.0.255.2] }
  static: { prefixes: [10.50.0.0/16] }
---
apiVersion: projectcalico.org/v3
kind: GlobalNetworkPolicy
metadata: { name: web }
spec:
  selector: zone == 'left'
  applyOnForward: true
  types: [Ingress]
  ingress:
    - { action: Allow, protocol: TCP, destination: { selector: "app == 'web'", ports: [443] } }
`;

const pod = (label: string) => `
apiVersion: projectcalico.org/v3
kind: WorkloadEndpoint
metadata: { name: node1-k8s-pod1-eth0, namespace: default, labels: { app: ${label} } }
spec: { node: node1, orchestrator: k8s, pod: pod1, endpoint: eth0, interfaceName: cali1, ipNetworks: [10.50.0.9/32] }
`;

describe('an agent', () => {
  let machine: Machine;
  let agent: ReturnType<Machine['startAgent']>;
  const routes = () => machine.must('ip', 'route', 'show', 'proto', 'bird');
  const inSync = () => machine.until('gw', (status) => status.policy.inSync && status.routing.bird === 'running');

  beforeAll(async () => {
    machine = openMachine('agent');
    machine.must('nft', 'add', 'table', 'inet', 'other');
    machine.apply(`${topology}---${pod('batch')}`);
    agent = machine.startAgent('gw');
    await inSync();
  });
  afterAll(() => machine.close());

  it('puts policy and routes into the kernel, switches forwarding on, and says so', async () => {
    const status = await machine.until('gw', ({ routing }) => routing.forwarding);
    expect(status).toMatchObject({ policy: { inSync: true, forwardDefault: 'Deny' }, lastError: null });
    expect(machine.table()).toContain('GlobalNetworkPolicy/web ingress[0]');
    expect(await eventually(routes, (text) => text !== '')).toContain('10.50.0.0/16 via 10.0.255.2');
    expect(machine.must('cat', '/proc/sys/net/ipv4/ip_forward').trim()).toBe('1');
    expect(machine.must('nft', 'list', 'tables')).toContain('inet other');
  });

  it('writes what it observed to the store', async () => {
    const stored = () => machine.causeway('get', 'router', 'gw', '-o', 'json').stdout;
    const seen = await eventually(stored, (text) => text.includes('"inSync": true'));
    expect(JSON.parse(seen)).toMatchObject({ status: { router: 'gw', policy: { inSync: true } } });
  });

  it('explains a packet by the live intent and the kernel routes', () => {
    const packet = ['--in', 'eth0', '--src', '10.50.0.1', '--dst', '10.1.255.9', '--protocol', 'tcp', '--dport', '443'];
    const ran = machine.causeway('explain', 'packet', '--router', 'gw', '-o', 'json', ...packet);
    expect(JSON.parse(ran.stdout)).toMatchObject({ verdict: 'drop', stage: 'forward-ingress' });
  });

  it('moves elements and touches no rule when a label changes', async () => {
    const rules = (table: string) => table.split('\n').filter((line) => !/elements|^\t\t\t/.test(line));
    const before = machine.table();
    expect(before).not.toContain('10.50.0.9');
    machine.apply(pod('web'));
    const after = await eventually(machine.table, (table) => table.includes('10.50.0.9'));
    expect(after).toContain('10.50.0.9');
    expect(rules(after)).toEqual(rules(before));
  });

  it('writes its table again when somebody flushes the ruleset', async () => {
    const repairs = (await machine.status('gw'))?.repairs.count ?? 0;
    machine.must('nft', 'delete', 'table', 'inet', 'causeway');
    expect(await eventually(machine.table, (table) => table !== '', { every: 20 })).toContain('forward-in');
    const status = await machine.until('gw', (seen) => seen.repairs.count > repairs && seen.policy.inSync);
    expect(status?.repairs.last?.subject).toBe('nft table');
  });

  it('mends a single rule that somebody deleted', async () => {
    const before = machine.table().replace(/ # handle \d+/g, '');
    const isInvalid = /chain (\S+) \{(?:(?!\n\t\}).)*comment "conntrack state invalid" # handle (\d+)/s;
    const [, chain = '', handle = ''] = isInvalid.exec(machine.table()) ?? [];
    machine.must('nft', 'delete', 'rule', 'inet', 'causeway', chain, 'handle', handle);
    const mended = () => machine.table().replace(/ # handle \d+/g, '');
    expect(await eventually(mended, (table) => table === before, { every: 20 })).toBe(before);
  });

  it('starts BIRD again when it is killed, and routes stay in the kernel meanwhile', async () => {
    const pid = machine.birdPid('gw');
    process.kill(pid ?? 0, 'SIGKILL');
    expect(routes()).toContain('10.50.0.0/16');
    const again = await eventually(
      () => machine.birdPid('gw'),
      (now) => now !== undefined && now !== pid,
    );
    expect(again).not.toBe(pid);
    const status = await machine.until(
      'gw',
      ({ routing, repairs }) => routing.bird === 'running' && repairs.last?.subject === 'BIRD',
    );
    expect(status?.repairs.last?.subject).toBe('BIRD');
    expect(routes()).toContain('10.50.0.0/16');
  });

  it('puts a route back that somebody deleted', async () => {
    machine.must('ip', 'route', 'del', '10.50.0.0/16', 'proto', 'bird');
    expect(await eventually(routes, (text) => text !== '', { every: 20 })).toContain('10.50.0.0/16');
    const status = await machine.until('gw', ({ repairs }) => repairs.last?.subject === 'kernel routes');
    expect(status?.repairs.last?.message).toContain('10.50.0.0/16');
  });

  it('keeps everything when a stored object is broken, and names it', async () => {
    const before = machine.table();
    const store = await openEmbeddedStore(machine.storeFolder);
    if (!store.ok) throw new Error('the store cannot be opened');
    const key = resourceKey('GlobalNetworkPolicy', 'web');
    const entry = await store.value.get(key);
    const value = entry.ok ? (entry.value?.value ?? '') : '';
    await store.value.commit([{ kind: 'put', key, value: value.replace('"Allow"', '"Perhaps"'), expect: 'any' }]);
    const status = await machine.until('gw', ({ invalid }) => invalid.length > 0);
    expect(status?.invalid.join()).toContain('GlobalNetworkPolicy/web');
    expect(machine.table()).toBe(before);
    await store.value.commit([{ kind: 'put', key, value, expect: 'any' }]);
    await store.value.close();
    expect((await machine.until('gw', ({ invalid }) => invalid.length === 0))?.invalid).toEqual([]);
  });

  it('is the only one for its router', () => {
    const second = machine.causeway('agent', '--router', 'gw');
    expect(second).toMatchObject({ code: 75 });
    expect(second.stderr).toContain('runs already');
  });

  it.each(['SIGTERM', 'SIGKILL'] as const)(
    'leaves everything as it was on %s, and its successor changes nothing',
    async (signal) => {
      await inSync();
      const before = { table: machine.table(), routes: routes(), bird: machine.birdPid('gw') };
      agent.kill(signal);
      if (agent.exitCode === null && agent.signalCode === null) await once(agent, 'exit');
      expect({ table: machine.table(), routes: routes(), bird: machine.birdPid('gw') }).toEqual(before);
      agent = machine.startAgent('gw');
      const status = await inSync();
      expect(status).toMatchObject({ policy: { inSync: true }, repairs: { count: 0 } });
      expect({ table: machine.table(), routes: routes(), bird: machine.birdPid('gw') }).toEqual(before);
    },
  );

  it('removes all that is its own, and nothing else, when the router is deleted', async () => {
    expect(machine.causeway('delete', 'router', 'gw')).toMatchObject({ code: 0 });
    expect(await eventually(machine.table, (table) => table === '')).toBe('');
    expect(await eventually(routes, (text) => text === '')).toBe('');
    expect(machine.must('cat', '/proc/sys/net/ipv4/ip_forward').trim()).toBe('0');
    expect(machine.must('nft', 'list', 'tables')).toContain('inet other');
  });
});
