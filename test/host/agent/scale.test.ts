/**
 * The agent with a hundred policies and five thousand addresses, on a real kernel: what many changes in a row leave there is what a fresh
 * start would put there, moved labels touch no rule, and an edited policy none of another.
 */
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../../../lab/eventually.ts';
import { openEmbeddedStore } from '../../../src/edge/embedded-store.ts';
import type { AnyResource } from '../../../src/resources/resource.ts';
import { createResourceStore, type ResourceStore } from '../../../src/store/resource-store.ts';
import { type Machine, openMachine } from './agent-machine.ts';

const policies = 100;
const addresses = 5000;
const calico = 'projectcalico.org/v3';

const router: AnyResource = {
  apiVersion: 'causeway.dev/v1',
  kind: 'Router',
  metadata: { name: 'gw' },
  spec: { role: 'transit', asNumber: 64520, forwarding: { defaultAction: 'Deny' } },
};
const endpoint: AnyResource = {
  apiVersion: calico,
  kind: 'HostEndpoint',
  metadata: { name: 'left', labels: { side: 'left' } },
  spec: { node: 'gw', interfaceName: 'eth0' },
};

/** Lets in from three applications, each at a port of its own. */
function policy(index: number, port = 4000): AnyResource {
  return {
    apiVersion: calico,
    kind: 'GlobalNetworkPolicy',
    metadata: { name: `policy-${index}` },
    spec: {
      order: index,
      selector: "side == 'left'",
      applyOnForward: true,
      types: ['Ingress'],
      ingress: [0, 1, 2].map((rule) => ({
        action: 'Allow',
        protocol: 'UDP',
        source: { selector: `app == 'app-${(index * 7 + rule * 13) % policies}'` },
        destination: { ports: [port + rule] },
      })),
    },
  };
}

/** Every eighth has an address of IPv6. */
function pod(index: number, app: number): AnyResource {
  const tail = [(index >> 8) & 255, index & 255];
  const net = index % 8 === 0 ? `2001:db8::${index.toString(16)}/128` : `10.64.${tail.join('.')}/32`;
  return {
    apiVersion: calico,
    kind: 'WorkloadEndpoint',
    metadata: { name: `pod-${index}`, namespace: 'default', labels: { app: `app-${app}` } },
    spec: { node: 'elsewhere', orchestrator: 'k8s', ipNetworks: [net] },
  };
}

describe('an agent at scale', () => {
  let machine: Machine;
  let agent: ChildProcess;
  let store: ResourceStore;
  let close: () => Promise<void>;

  const inSync = () => machine.until('gw', (status) => status.policy.inSync);
  const write = async (...resources: AnyResource[]) => {
    const written = await store.applyAll(resources);
    if (!written.ok) throw new Error('the store refused what the test wrote');
  };
  /** The table of ours as a fresh load would show it: without handles, its objects in the order of their names. */
  const content = () => {
    const objects = machine
      .table()
      .replace(/ # handle \d+/g, '')
      .split(/\n+(?=\t(?:chain|set|map) )/);
    return objects
      .map((object) => sortElements(object.replace(/[\n}]+$/, '')))
      .sort()
      .join('\n');
  };
  const rules = () =>
    machine
      .table()
      .split('\n')
      .filter((line) => /counter .*# handle/.test(line));
  /** Elements of what has the address; there is always one, since every label is asked for. */
  const classOf = (address: string) =>
    new RegExp(`\\b${address.replaceAll('.', '\\.')} : ([0-9a-f:]+)`).exec(machine.table())?.[1];

  beforeAll(async () => {
    machine = openMachine('scale');
    const opened = await openEmbeddedStore(machine.storeFolder);
    if (!opened.ok) throw new Error('the store cannot be opened');
    close = () => opened.value.close();
    store = createResourceStore(opened.value, { now: () => '2026-01-01T00:00:00Z', newUid: () => 'test' });
    const pods = Array.from({ length: addresses }, (_, index) => pod(index, index % policies));
    await write(router, endpoint, ...Array.from({ length: policies }, (_, index) => policy(index)), ...pods);
    agent = machine.startAgent('gw');
    await inSync();
  });

  afterAll(async () => {
    await close?.();
    machine?.close();
  });

  it('moves an address and touches no rule when its label changes', async () => {
    const before = { rules: rules(), app: classOf('10.64.0.9') };
    await write(pod(9, 50));
    const app = await eventually(
      () => classOf('10.64.0.9'),
      (now) => now !== before.app,
    );
    expect(app).not.toBe(before.app);
    expect(rules()).toEqual(before.rules);
  });

  it('follows a thousand changes that come faster than it applies them', async () => {
    const before = rules();
    for (let change = 0; change < 1000; change++) {
      const index = (change * 613) % 1000; // four fifths of each application stay where they are
      if (index % 8 !== 0) await write(pod(index, (index + change + 1) % policies));
    }
    await write(pod(1, 77), pod(2, 77));
    const isAlike = () => classOf('10.64.0.1') === classOf('10.64.0.2');
    expect(await eventually(isAlike, (same) => same)).toBe(true);
    expect(rules()).toEqual(before);
    expect(await inSync()).toMatchObject({ repairs: { count: 0 }, lastError: null });
  });

  it('leaves the rules of other policies as they are, counters included, when one is edited', async () => {
    const others = () => rules().filter((line) => !line.includes('/policy-40 '));
    const before = others();
    expect(before.length).toBeGreaterThan(100);
    await write(policy(40, 7000));
    await eventually(machine.table, (table) => table.includes('7002'));
    expect(others()).toEqual(before);
    expect(await inSync()).toMatchObject({ repairs: { count: 0 }, lastError: null });
  });

  it('puts back one element that somebody took away', async () => {
    const before = content();
    const map = /^\tmap (\S+) \{(?:(?!^\t\}).)*10\.64\.0\.9 :/ms.exec(machine.table())?.[1] ?? '';
    machine.must('nft', 'delete', 'element', 'inet', 'causeway', map, '{', '10.64.0.9', '}');
    expect(await eventually(content, (table) => table === before)).toBe(before);
    expect((await machine.until('gw', ({ repairs }) => repairs.count === 1))?.repairs.last?.message).toContain(map);
  });

  it('is killed while it follows changes, and its successor finds the rest', async () => {
    for (let change = 0; change < 200; change++) {
      await write(pod(change, (change + 3) % policies));
      if (change !== 100) continue;
      agent.kill('SIGKILL');
      await once(agent, 'exit');
      agent = machine.startAgent('gw');
    }
    await inSync();
    await eventually(
      () => classOf('10.64.0.199') === classOf('10.64.0.2'),
      (same) => !same,
    );
    expect(await inSync()).toMatchObject({ lastError: null });
  });

  it('is in the end what a fresh start makes', async () => {
    const atRest = async () => {
      await inSync();
      let last = '';
      const isSameTwice = (now: string) => {
        const isSame = now === last;
        last = now;
        return isSame;
      };
      return eventually(content, isSameTwice, { every: 300 });
    };
    // What is written last is there last.
    await write(policy(41, 8000));
    expect(await eventually(content, (table) => table.includes('8002'))).toContain('8002');
    const grown = await atRest();
    agent.kill('SIGKILL');
    await once(agent, 'exit');
    machine.must('nft', 'delete', 'table', 'inet', 'causeway');
    agent = machine.startAgent('gw');
    await eventually(machine.table, (table) => table !== '');
    expect(await atRest()).toBe(grown);
  });

  it('counts what each rule decided, without the nft program', () => {
    const ran = machine.causeway('policy', '--router', 'gw', '--counters', '-o', 'json');
    expect(ran).toMatchObject({ code: 0 });
    expect(ran.stdout).toContain('policy-40');
  });
});

/** nft lists the elements of a hash set in no order. */
function sortElements(object: string): string {
  return object.replace(
    /elements = \{([^}]*)\}/gs,
    (_, elements: string) =>
      `elements = { ${elements
        .split(/,\s*/)
        .map((each) => each.trim())
        .sort()
        .join(', ')} }`,
  );
}
