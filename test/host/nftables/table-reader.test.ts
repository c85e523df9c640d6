/** What is read of a real kernel's table over netlink, held against tables that nft loads. */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { openNetlinkSocket } from '../../../src/edge/netlink-socket.ts';
import { createTableReader } from '../../../src/edge/table-reader.ts';
import type { ObservedTable, TableReader } from '../../../src/nftables/table-reader.ts';
import { openPrivateKernel, type PrivateKernel } from './private-kernel.ts';
import { inNamespaceOf } from './raw-sockets.ts';

const table = `
add table inet causeway
delete table inet causeway
table inet causeway {
  set hosts { type ipv4_addr; elements = { 10.0.0.1, 10.0.0.2 } }
  set ranges { type ipv6_addr; flags interval; elements = { 2001:db8::/48, 2001:db8:1::/48 } }
  map classes { type ipv4_addr : classid; elements = { 10.0.0.1 : 4000:1, 10.0.0.2 : 4000:2 } }
  map ports { typeof meta l4proto . th dport : verdict; flags interval; counter
    elements = { 6 . 80-90 counter comment "a ingress[0]" : accept, 17 . 53 counter comment "a ingress[1]" : goto deeper } }
  chain deeper {
    tcp dport { 1, 2 } counter accept comment "a ingress[0]"
    tcp dport { 3, 4 } counter accept comment "a ingress[2]"
    meta mark set meta mark & 0xffffff00 | 0x00000001
    ct state established,related log prefix "x" group 100 return
  }
  chain base {
    type filter hook forward priority 0; policy accept;
    ip saddr @hosts counter drop comment "b egress[0]"
    meta l4proto . th dport vmap @ports
    jump deeper
  }
}`;

let kernel: PrivateKernel;
let reader: TableReader;

beforeAll(async () => {
  kernel = await openPrivateKernel();
  reader = createTableReader(() => inNamespaceOf(kernel.pid, () => openNetlinkSocket()));
});
beforeEach(() => kernel.load(table));
afterAll(() => {
  reader?.close();
  kernel?.close();
});

/** The same after each rule and element decided twice. */
function counted(): string {
  return table.replaceAll(/counter (?=accept|drop|comment)/g, 'counter packets 2 bytes 100 ');
}

async function read(): Promise<ObservedTable> {
  const observed = await reader.readTable();
  if (!observed.ok || observed.value === undefined) throw new Error('the table cannot be read');
  return observed.value;
}

function changed(before: ObservedTable, after: ObservedTable): string[] {
  const names = new Set([...before.digests.keys(), ...after.digests.keys()]);
  return [...names].filter((name) => before.digests.get(name) !== after.digests.get(name)).sort();
}

describe('a table that is read', () => {
  it('has a digest for each object, and none for anonymous sets', async () => {
    expect([...(await read()).digests.keys()].sort()).toEqual([
      'chain base',
      'chain deeper',
      'set classes',
      'set hosts',
      'set ports',
      'set ranges',
      'table',
    ]);
  });

  it('reads the same when it is loaded again', async () => {
    const before = await read();
    await kernel.load(table);
    const after = await read();
    expect(changed(before, after)).toEqual([]);
    expect(after.generation).toBeGreaterThan(before.generation);
  });

  it('reads the same whatever order elements came in', async () => {
    const before = await read();
    await kernel.load('flush set inet causeway hosts');
    await kernel.load('add element inet causeway hosts { 10.0.0.2 }');
    await kernel.load('add element inet causeway hosts { 10.0.0.1 }');
    expect(changed(before, await read())).toEqual([]);
  });

  it.each([
    ['add element inet causeway hosts { 10.0.0.3 }', ['set hosts']],
    ['delete element inet causeway hosts { 10.0.0.1 }', ['set hosts']],
    ['delete element inet causeway ranges { 2001:db8::/48 }', ['set ranges']],
    [
      'delete element inet causeway classes { 10.0.0.1 }\nadd element inet causeway classes { 10.0.0.1 : 4000:2 }',
      'set classes',
    ],
    ['flush map inet causeway ports', ['set ports']],
    [
      'delete element inet causeway ports { 6 . 80-90 }\nadd element inet causeway ports { 6 . 80-90 counter comment "a ingress[0]" : drop }',
      ['set ports'],
    ],
    ['insert rule inet causeway base accept', ['chain base']],
    ['add rule inet causeway base tcp dport 9', ['chain base']],
    ['flush chain inet causeway deeper', ['chain deeper']],
    ['add chain inet causeway mine', ['chain mine']],
    ['add set inet causeway mine { type ipv4_addr; }', ['set mine']],
    ['add counter inet causeway mine', ['object mine']],
    ['add chain inet causeway base { policy drop; }', ['chain base']],
    ['add table inet causeway { flags dormant; }', ['table']],
  ])('tells what is another one after: %s', async (text, names) => {
    const before = await read();
    await kernel.load(text);
    expect(changed(before, await read())).toEqual([names].flat());
  });

  it.each([
    ['{ 1, 2 }', '{ 1, 5 }'],
    ['0x00000001', '0x00000002'],
    ['group 100', 'group 101'],
    ['prefix "x"', 'prefix "y"'],
    ['established,related', 'established'],
    ['"a ingress[2]"', '"a ingress[3]"'],
    ['log prefix "x" group 100 return', 'return'],
    ['{ 3, 4 } counter', '{ 3, 4 }'],
  ])('tells a rule with %s from one with %s', async (from, to) => {
    const before = await read();
    await kernel.load(table.replace(from, to));
    expect(changed(before, await read())).toEqual(['chain deeper']);
  });

  it('tells two rules that changed places', async () => {
    const before = await read();
    const lines = table.split('\n');
    const at = lines.findIndex((line) => line.includes('{ 1, 2 }'));
    lines.splice(at, 2, lines[at + 1] as string, lines[at] as string);
    await kernel.load(lines.join('\n'));
    expect(changed(before, await read())).toEqual(['chain deeper']);
  });

  it('passes over what counters say, and over what is not ours', async () => {
    const before = await read();
    await kernel.load('add table inet other\nadd set inet other hosts { type ipv4_addr; }\nadd chain inet other base');
    expect(changed(before, await read())).toEqual([]);
    await kernel.load(counted());
    expect(changed(before, await read())).toEqual([]);
    await kernel.load('delete table inet other');
  });

  it('is undefined where there is none', async () => {
    await kernel.load('delete table inet causeway');
    expect(await reader.readTable()).toEqual({ ok: true, value: undefined });
  });
});

describe('parts of a table', () => {
  it('read as in the whole', async () => {
    const whole = await read();
    const parts = await reader.readParts({ chains: ['deeper', 'absent'], sets: ['ports', 'none'], elements: [] });
    expect(parts).toMatchObject({ ok: true, value: { generation: whole.generation } });
    const digests = parts.ok ? parts.value.digests : new Map();
    expect([...digests.keys()].sort()).toEqual(['chain deeper', 'set ports']);
    for (const [name, digest] of digests) expect(digest, name).toBe(whole.digests.get(name));
  });

  it('tell an element that is there from one that is not', async () => {
    const key = (...bytes: number[]) => Uint8Array.from([12, 0, 1, 0, 8, 0, 1, 0, ...bytes]); // KEY { VALUE }
    const parts = await reader.readParts({
      chains: [],
      sets: [],
      elements: [
        { set: 'hosts', key: key(10, 0, 0, 9) },
        { set: 'hosts', key: key(10, 0, 0, 1) },
        { set: 'classes', key: key(10, 0, 0, 1) },
        { set: 'classes', key: key(10, 0, 0, 2) },
        { set: 'none', key: key(10, 0, 0, 2) },
      ],
    });
    const [absent, host, one, two, nowhere] = parts.ok ? parts.value.elements : [];
    expect([absent, nowhere]).toEqual([undefined, undefined]);
    expect(host?.key).toMatch(/^[0-9a-f]{16}$/);
    expect(one?.key).toBe(host?.key);
    expect(new Set([host, one, two].map((element) => element?.whole)).size).toBe(3);
  });
});

describe('counters', () => {
  it('add up by comment, of rules and of elements', async () => {
    await kernel.load(counted());
    expect(await reader.readCounters()).toEqual({
      ok: true,
      value: new Map([
        ['a ingress[0]', { packets: 4, bytes: 200 }],
        ['a ingress[1]', { packets: 2, bytes: 100 }],
        ['a ingress[2]', { packets: 2, bytes: 100 }],
        ['b egress[0]', { packets: 2, bytes: 100 }],
      ]),
    });
  });

  it('are none where there is no table', async () => {
    await kernel.load('delete table inet causeway');
    expect(await reader.readCounters()).toEqual({ ok: true, value: new Map() });
  });
});

it('reads a ruleset of the scenarios the same twice', async () => {
  const text = readFileSync(resolve(import.meta.dirname, '../../scenarios/ipv6-hub/tr1.nft'), 'utf8');
  await kernel.load(text);
  const before = await read();
  await kernel.load(text);
  expect(before.digests.size).toBeGreaterThan(20);
  expect(changed(before, await read())).toEqual([]);
});
