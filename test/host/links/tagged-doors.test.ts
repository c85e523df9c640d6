/**
 * Every kind of tagged frame meets the policy of the parent, that of the VLAN, or none of this machine: sent as bytes, seen before
 * policy and after it.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { compileRuleset } from '../../../src/nftables/compile.ts';
import { printRuleset } from '../../../src/nftables/print.ts';
import type { Manifest } from '../../properties/naive/manifest.ts';
import { eventually, requirePrograms } from '../bird/namespaces.ts';
import { type FrameSocket, openFrames } from '../nftables/raw-sockets.ts';
import { encodePacket } from '../nftables/wire-packet.ts';
import { calico, readPolicy, router } from '../policy/verdict-table.ts';
import { layWire, vlanLink, type Wire } from './vlan-wire.ts';

type Family = 4 | 6;
type Door = 'dx0' | 'dx0.101';

let wire: Wire;
let folder: string;
let holder: ChildProcess;
let frames: FrameSocket;
let mac: Buffer;

beforeAll(async () => {
  requirePrograms();
  folder = mkdtempSync(join(tmpdir(), 'cw-tagged-doors-'));
  wire = layWire();
  for (const end of ['a', 'b'] as const) await wire.driver(end).ensure([vlanLink(end)], new Map());
  wire.run('b', 'ip', 'address', 'add', '192.0.2.2/30', 'dev', 'dx0');
  wire.run('b', 'ip', 'address', 'add', '2001:db8:9::2/64', 'dev', 'dx0', 'nodad');
  const [facts] = JSON.parse(wire.run('b', 'ip', '-json', 'link', 'show', 'dev', 'dx0'));
  mac = Buffer.from(facts.address.replaceAll(':', ''), 'hex');
  holder = spawn('ip', ['netns', 'exec', `cw-vlan-a-${process.pid}`, 'sh', '-c', 'echo in; exec sleep 600'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(holder.stdout ?? holder, 'data');
  frames = openFrames(holder.pid ?? -1, 'dx0');
});

afterAll(() => {
  frames?.close();
  holder?.kill('SIGKILL');
  wire?.remove();
  rmSync(folder, { recursive: true, force: true });
});

const ctag = 0x8100;
const stag = 0x88a8;
const [priority, dropEligible] = [0xe000, 0x1000];
const toParent = { 4: ['192.0.2.1', '192.0.2.2'], 6: ['2001:db8:9::1', '2001:db8:9::2'] } as const;
const toVlan = { 4: ['169.254.10.1', '169.254.10.2'], 6: ['fd00:10::1', 'fd00:10::2'] } as const;

/**
 * Tags from the outside in, each its kind and what it says; where the packet is addressed; the door it comes to. 8021q takes a tag of
 * priority alone for none, and looks at the next; the tagger lets such a frame lie.
 */
const kinds: readonly (readonly [
  what: string,
  tags: readonly (readonly [number, number])[],
  to: typeof toParent | typeof toVlan,
  door: Door | 'none' | 'as the driver does',
])[] = [
  ['no tag', [], toParent, 'dx0'],
  ['no tag, for the VLAN’s address', [], toVlan, 'dx0'],
  ['a tag that says priority alone', [[ctag, priority]], toParent, 'dx0'],
  ['a tag of priority 0, for the VLAN’s address', [[ctag, 0]], toVlan, 'dx0'],
  ['the tag', [[ctag, 101]], toVlan, 'dx0.101'],
  ['the tag with priority', [[ctag, 101 | priority]], toVlan, 'dx0.101'],
  ['the tag, drop eligible', [[ctag, 101 | dropEligible]], toVlan, 'dx0.101'],
  ['the tag, for the parent’s address', [[ctag, 101]], toParent, 'dx0.101'],
  ['another tag', [[ctag, 102]], toVlan, 'none'],
  ['the last tag', [[ctag, 4095]], toVlan, 'none'],
  ['a service tag of that number', [[stag, 101]], toVlan, 'none'],
  [
    'the tag in the tag',
    [
      [ctag, 101],
      [ctag, 101],
    ],
    toVlan,
    'none',
  ],
  [
    'the tag in one of priority',
    [
      [ctag, 0],
      [ctag, 101],
    ],
    toVlan,
    'as the driver does',
  ],
  [
    'the tag in a service tag of priority',
    [
      [stag, 0],
      [ctag, 101],
    ],
    toVlan,
    'as the driver does',
  ],
  [
    'another tag in the tag',
    [
      [ctag, 101],
      [ctag, 102],
    ],
    toVlan,
    'none',
  ],
];

/** Ports tell frames apart; the last two frames of a round, one for each door, say that all before were dealt with. */
const firstPort = 6000;
const sentinels = [
  [7000, [], toParent],
  [7001, [[ctag, 101]], toVlan],
] as const;

function send(
  family: Family,
  port: number,
  tags: readonly (readonly [number, number])[],
  [source, destination]: readonly [string, string],
): void {
  const packet = { source, destination, protocol: 17, sourcePort: 9999, destinationPort: port, ct: 'new' } as const;
  const [bytes = Buffer.alloc(0)] = encodePacket(packet, port);
  const words = [...tags.flat(), family === 4 ? 0x0800 : 0x86dd];
  const types = Buffer.alloc(words.length * 2);
  for (const [i, word] of words.entries()) types.writeUInt16BE(word, i * 2);
  frames.send(Buffer.concat([mac, Buffer.from('020000000099', 'hex'), types, bytes]));
}

/** An endpoint on the device, and whether policy lets UDP in by it. */
function door(interfaceName: Door, isOpen: boolean): Manifest[] {
  const ingress = [{ action: isOpen ? 'Allow' : 'Deny', protocol: 'UDP' }];
  return [
    calico('HostEndpoint', interfaceName, { node: 'r1', interfaceName }, { door: interfaceName }),
    calico('GlobalNetworkPolicy', interfaceName, {
      selector: `door == '${interfaceName}'`,
      types: ['Ingress'],
      ingress,
    }),
  ];
}

function load(text: string): void {
  const file = join(folder, 'ruleset.nft');
  writeFileSync(file, text);
  wire.run('b', 'nft', '-f', file);
}

const noteSets = ['arrived', 'passed'] as const;
const notes = `table inet seen
delete table inet seen
table inet seen {
${noteSets.map((name) => `set ${name} {\ntypeof iifname . udp dport\nsize 100\nflags dynamic\n}`).join('\n')}
chain before {
type filter hook prerouting priority -400
meta l4proto udp update @arrived { iifname . udp dport }
}
chain after {
type filter hook input priority 100
meta l4proto udp update @passed { iifname . udp dport }
}
}
`;

/** By which door packets to each port came. */
function seen(set: (typeof noteSets)[number]): ReadonlyMap<number, string> {
  const listing = wire.run('b', 'nft', 'list', 'set', 'inet', 'seen', set);
  return new Map([...listing.matchAll(/"([^"]+)" \. (\d+)/g)].map(([, name = '', port]) => [Number(port), name]));
}

it.each(
  ([4, 6] as const).flatMap((family) =>
    [
      [true, false],
      [false, true],
      [false, false],
      [true, true],
    ].map(([parent, vlan]) => [family, parent, vlan] as const),
  ),
)('IPv%i, parent open: %s, VLAN open: %s', async (family, isParentOpen = false, isVlanOpen = false) => {
  load(
    printRuleset(
      compileRuleset(readPolicy([router('Deny'), ...door('dx0', isParentOpen), ...door('dx0.101', isVlanOpen)])),
    ),
  );
  load(notes);
  for (const [i, [, tags, to]] of kinds.entries()) send(family, firstPort + i, tags, to[family]);
  for (const [port, tags, to] of sentinels) send(family, port, tags, to[family]);
  const arrived = await eventually(
    'all frames',
    () => seen('arrived'),
    (ports) => sentinels.every(([port]) => ports.has(port)),
  );
  const passed = seen('passed');
  const isOpen: Readonly<Record<string, boolean>> = { dx0: isParentOpen, 'dx0.101': isVlanOpen };
  const doorOf = (ports: ReadonlyMap<number, string>, i: number) => ports.get(firstPort + i) ?? 'none';
  for (const [i, [what, , , wanted]] of kinds.entries()) {
    const came = doorOf(arrived, i);
    if (wanted !== 'as the driver does') expect(`${what}: ${came}`).toBe(`${what}: ${wanted}`);
    expect(`${what}: ${doorOf(passed, i)}`).toBe(`${what}: ${isOpen[came] ? came : 'none'}`);
  }
});
