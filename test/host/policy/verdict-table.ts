/**
 * Tables of verdicts, each asked three times: of the naive evaluator, of `explain`, and of the kernel with real packets.
 *
 *   resources, { 'eth0→eth1 tcp/80': 'accept', … } ─[expectVerdicts]→ the same table from all three, for both families
 *
 * A packet is written `way protocol[/port] [from host] [state]`: a way is `eth0→local`, `local→eth1`, `eth0→eth1` or
 * `local→lo`; a protocol tcp, udp, sctp, icmp/<type of IPv4>:<type of IPv6>, or ip/<number>. In resources `$ten` and `$doc`
 * stand for the nets that the hosts of these names are in.
 */
import { expect } from 'vitest';
import type { PolicyIntent } from '../../../src/intent/policy/policy-intent.ts';
import { resolveIntent } from '../../../src/intent/resolve-intent.ts';
import { parseFile } from '../../../src/resources/document.ts';
import { makeSnapshot } from '../../../src/resources/snapshot.ts';
import { explainPacket } from '../../../src/verdict/explain-packet.ts';
import { printManifests } from '../../properties/arbitrary-manifests.ts';
import type { Manifest, ManifestSpec, NaivePacket, NaiveWay } from '../../properties/naive/manifest.ts';
import { judge } from '../../properties/naive/verdict.ts';
import { packetOf, passageOf } from '../../properties/packet-of.ts';
import { own, type PacketLab, type Sent, wayOf } from '../nftables/packet-lab.ts';
import type { PacketForm } from '../nftables/wire-packet.ts';

export type Told = 'accept' | 'drop';
type Family = 4 | 6;

/** Machines beside the router; the last two are behind eth0, in nets that policies name. */
const hosts = {
  eth0: { 4: '10.0.0.2', 6: '2001:db8::2' },
  eth1: { 4: '10.0.1.2', 6: '2001:db8:1::2' },
  ten: { 4: '10.1.1.1', 6: '2001:db8:10::1' },
  doc: { 4: '203.0.113.5', 6: '2001:db8:203::5' },
} as const;
const nets: Readonly<Record<string, Readonly<Record<Family, string>>>> = {
  $ten: { 4: '10.0.0.0/8', 6: '2001:db8:10::/48' },
  $doc: { 4: '203.0.113.0/24', 6: '2001:db8:203::/48' },
  $eth0: { 4: '10.0.0.2/32', 6: '2001:db8::2/128' },
  $eth1: { 4: '10.0.1.2/32', 6: '2001:db8:1::2/128' },
};

export function calico(kind: string, name: string, spec: ManifestSpec, labels?: Record<string, string>): Manifest {
  return { apiVersion: 'projectcalico.org/v3', kind, metadata: { name, ...(labels && { labels }) }, spec };
}

const addresses = [0, 1].map((i) => ({ name: `eth${i}`, addresses: [`${own[4][i]}/24`, `${own[6][i]}/64`] }));
/** A machine that is exactly Calico's. */
export const node = calico('Node', 'r1', { interfaces: addresses });

/** A router of ours. */
export function router(defaultAction: 'Allow' | 'Deny'): Manifest {
  const spec = { asNumber: 64520, interfaces: addresses, forwarding: { defaultAction } };
  return { apiVersion: 'causeway.dev/v1', kind: 'Router', metadata: { name: 'r1' }, spec };
}

/** Destination NAT of the packets of a table, which are written as they are after it. */
export interface Nat {
  readonly hook: 'prerouting' | 'output';
  /** Where they are sent to. */
  readonly sentTo: { readonly destination: Readonly<Record<Family, string>>; readonly destinationPort: number };
  /** `redirect` stays on the router. */
  readonly statement: (family: Family) => string;
}

function natTable({ hook, sentTo, statement }: Nat, family: Family): string {
  const match = `${family === 4 ? 'ip' : 'ip6'} daddr ${sentTo.destination[family]} tcp dport ${sentTo.destinationPort}`;
  const rule = `${match} ${statement(family)}`;
  return `table ${family === 4 ? 'ip' : 'ip6'} test-nat {\n  chain nat {\n    type nat hook ${hook} priority -100\n    ${rule}\n  }\n}\n`;
}

function withNat(read: ReadPacket, nat: Nat | undefined, family: Family): ReadPacket {
  if (!nat) return read;
  const { destination, destinationPort } = nat.sentTo;
  return { ...read, packet: { ...read.packet, sentTo: { destination: destination[family], destinationPort } } };
}

interface TableOptions {
  readonly form?: PacketForm;
  readonly nat?: Nat;
  /** Both unless said. */
  readonly families?: readonly Family[];
}

export async function expectVerdicts(
  lab: PacketLab,
  resources: readonly Manifest[],
  verdicts: Readonly<Record<string, Told>>,
  { form = 'whole', nat, families = [4, 6] }: TableOptions = {},
): Promise<void> {
  const texts = Object.keys(verdicts);
  for (const family of families) {
    const manifests = JSON.parse(
      JSON.stringify(resources).replace(/\$\w+/g, (name) => nets[name]?.[family] ?? name),
    ) as Manifest[];
    const policy = readPolicy(manifests);
    const packets = texts.map((text, i) => withNat(readPacket(text, family, 40_000 + i), nat, family));
    const naive = packets.map(({ packet, ways }) => all(ways, (way) => judge(manifests, 'r1', way, packet)?.verdict));
    const explained = packets.map(({ packet, ways }) =>
      all(ways, (way) => explainPacket(policy, passageOf(way), packetOf(packet), () => undefined).verdict),
    );
    await lab.forget();
    await lab.enforce(readPolicy(everythingOpen));
    await lab.send(packets.flatMap(({ opener }) => opener ?? []));
    await lab.enforce(policy);
    if (nat) await lab.router.load(natTable(nat, family));
    const arrived = await lab.send(packets.map((sent) => ({ ...sent, form })));
    if (nat) expect(await lab.router.run('nft', 'delete', 'table', family === 4 ? 'ip' : 'ip6', 'test-nat')).toBe(0);
    const table = (told: readonly Told[]) => Object.fromEntries(texts.map((text, i) => [text, told[i]]));
    expect({
      naive: table(naive),
      explain: table(explained),
      kernel: table(arrived.map((has) => (has ? 'accept' : 'drop'))),
    }).toEqual({ naive: verdicts, explain: verdicts, kernel: verdicts });
  }
}

/** Tracks and lets through everything: what begins under it is established under the policy after it. */
const everythingOpen = [
  node,
  ...['eth0', 'eth1'].map((interfaceName) =>
    calico('HostEndpoint', interfaceName, { node: 'r1', interfaceName, profiles: ['projectcalico-default-allow'] }),
  ),
];

export function readPolicy(manifests: readonly Manifest[]): PolicyIntent {
  const { resources, errors } = parseFile({ path: 'row.yaml', text: printManifests(manifests) });
  expect(errors).toEqual([]);
  const intent = resolveIntent(makeSnapshot(resources), 'r1');
  if (!intent.ok) throw new Error('no router');
  return intent.value.policy;
}

function all(ways: readonly NaiveWay[], verdict: (way: NaiveWay) => string | undefined): Told {
  return ways.every((way) => verdict(way) === 'accept') ? 'accept' : 'drop';
}

interface ReadPacket extends Sent {
  /** Loopback is left and entered. */
  readonly ways: readonly NaiveWay[];
  /** Begins the flow that the packet is of. */
  readonly opener: Sent | undefined;
}

const grammar = /^(eth0|eth1|local)→(eth0|eth1|local|lo) (\w+)(?:\/([\d:]+))?(?: from (ten|doc))?(?: (\w+))?$/;

export function readPacket(text: string, family: Family, sourcePort: number): ReadPacket {
  const [, from = '', to = '', protocol = '', detail = '', host, state = 'new'] = grammar.exec(text) ?? [];
  if (protocol === '') throw new Error(`not a packet: ${text}`);
  const side = from === 'local' ? undefined : from === 'eth0' ? 0 : 1;
  const ends = {
    source: side === undefined ? localAt(to, family) : hosts[(host ?? from) as keyof typeof hosts][family],
    destination:
      to === 'local' ? localAt(from, family) : to === 'lo' ? localAt('lo', family) : hosts[to as 'eth0'][family],
  };
  const packet = { ...ends, ...carried(protocol, detail, family, sourcePort), ct: state as NaivePacket['ct'] };
  const sent: Sent = { from: side, packet };
  const way = wayOf(sent);
  const ways = to === 'lo' ? [{ out: 'lo' }, { in: 'lo' }] : [way];
  if (state === 'established') return { ...sent, ways, opener: { from: sideOf(to), packet: turned(packet) } };
  if (state !== 'related') return { ...sent, ways, opener: undefined };
  // An ICMP error of one who got a packet, to the one who sent it.
  const about: NaivePacket = {
    ...{ source: packet.destination, destination: packet.source, protocol: 17, sourcePort, destinationPort: 53 },
    ct: 'new',
  };
  return { ...sent, ways, quoted: about, opener: { from: sideOf(to), packet: about } };
}

function sideOf(place: string): 0 | 1 | undefined {
  return place === 'eth0' ? 0 : place === 'eth1' ? 1 : undefined;
}

function localAt(place: string, family: Family): string {
  if (place === 'lo') return family === 4 ? '127.0.0.1' : '::1';
  return own[family][place === 'eth1' ? 1 : 0];
}

function turned({ sourcePort, destinationPort, ...packet }: NaivePacket): NaivePacket {
  const ports = { sourcePort: destinationPort ?? 0, destinationPort: sourcePort ?? 0 };
  return {
    ...packet,
    ...(sourcePort === undefined ? {} : ports),
    source: packet.destination,
    destination: packet.source,
    ct: 'new',
  };
}

function carried(protocol: string, detail: string, family: Family, sourcePort: number) {
  const number = { tcp: 6, udp: 17, sctp: 132 }[protocol];
  if (number !== undefined) return { protocol: number, sourcePort, destinationPort: Number(detail) };
  if (protocol === 'ip') return { protocol: Number(detail) };
  if (protocol !== 'icmp') throw new Error(`not a protocol: ${protocol}`);
  const [type4, type6] = detail.split(':').map(Number);
  return { protocol: family === 4 ? 1 : 58, icmpType: (family === 4 ? type4 : type6) ?? 0, icmpCode: 0 };
}
