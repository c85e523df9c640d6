/**
 * What a closed router lets in for its links: asked of `explain` and of the kernel with real packets, in both families.
 *
 * Every router here denies everything on eth0 and eth1 by a policy that says so; what passes are failsafes.
 */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { families } from '../../../src/net/address.ts';
import { explainPacket } from '../../../src/verdict/explain-packet.ts';
import type { Manifest } from '../../properties/naive/manifest.ts';
import { packetOf, passageOf } from '../../properties/packet-of.ts';
import { openPacketLab, own, type PacketLab, type Sent, wayOf } from '../nftables/packet-lab.ts';
import { calico, readPacket, readPolicy, router, type Told } from '../policy/verdict-table.ts';

let lab: PacketLab;
beforeAll(async () => {
  lab = await openPacketLab();
});
afterAll(() => lab?.close());

type Family = 4 | 6;

/** The naive evaluator, whose manifests these are, knows no links. */
const causeway = (kind: string, name: string, spec: object): Manifest => ({
  apiVersion: 'causeway.dev/v1',
  kind,
  metadata: { name },
  spec: spec as Manifest['spec'],
});
/** The hosts beside eth0 and eth1. */
const beside = { eth0: { 4: '10.0.0.2', 6: '2001:db8::2' }, eth1: { 4: '10.0.1.2', 6: '2001:db8:1::2' } } as const;
const roaming = { 4: '10.1.0.0/16', 6: '2001:db8:10::/48' } as const;
const insideOf = { 4: ['169.254.9.2/30', '169.254.9.1'], 6: ['fd00:9::2/126', 'fd00:9::1'] } as const;
const peerPublicKey = 'xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg=';

/** Each denies everything, in the stage that it is for. */
const policies: Readonly<Record<string, object>> = {
  'the last word': { types: ['Ingress', 'Egress'], egress: [{ action: 'Deny' }] },
  'before connection tracking': {
    ...{ types: ['Ingress', 'Egress'], egress: [{ action: 'Deny' }] },
    ...{ doNotTrack: true, applyOnForward: true },
  },
  'before NAT': { types: ['Ingress'], preDNAT: true, applyOnForward: true },
};

const closed = (policy: object): readonly Manifest[] => [
  router('Deny'),
  ...['eth0', 'eth1'].map((interfaceName) => calico('HostEndpoint', interfaceName, { node: 'r1', interfaceName })),
  calico('GlobalNetworkPolicy', 'nothing', { selector: 'all()', ingress: [{ action: 'Deny' }], ...policy }),
  causeway('Site', 'dc', { type: 'datacenter', prefixes: ['10.10.0.0/16'] }),
  causeway('Site', 'branch', { type: 'other', prefixes: ['10.11.0.0/16'] }),
];

const bgp = { asNumber: 65_010 };

/** To the host beside eth0, by whatever way routes take, or `over` another Attachment. */
function ipsec(family: Family, spec: object = {}): Manifest {
  const [local, remote] = insideOf[family];
  const tunnel = { remoteAddress: beside.eth0[family], addresses: { local: [local], remote: [remote] } };
  const link = { ipsec: { psk: { secretRef: { name: 'dc', key: 'psk' } }, tunnels: [tunnel] } };
  return causeway('Attachment', 'vpn', { router: 'r1', site: 'dc', link, bgp, ...spec });
}

function wireguard(spec: object): Manifest {
  const addresses = { local: ['169.254.9.6/30'], remote: ['169.254.9.5'] };
  const link = { wireguard: { listenPort: 51_821, peerPublicKey, ...spec } };
  const carries = { static: { prefixes: ['10.11.0.0/16'] } };
  return causeway('Attachment', 'wire', { router: 'r1', site: 'branch', link, addresses, ...carries });
}

/** A network that is there already, with a neighbor on it. */
function plain(name: 'eth0' | 'eth1', family: Family): Manifest {
  const at = name === 'eth0' ? 0 : 1;
  const addresses = { local: [`${own[family][at]}/${family === 4 ? 24 : 64}`], remote: [beside[name][family]] };
  return causeway('Attachment', name, { router: 'r1', site: 'dc', link: { interface: { name } }, addresses, bgp });
}

/** What nobody but the operator and DHCP may, whatever links there are. */
const always: Readonly<Record<string, Told>> = {
  'eth0→local tcp/22 from doc': 'accept',
  'eth1→local tcp/22': 'accept',
  'eth0→local udp/68': 'accept',
  'eth0→local tcp/2222 from doc': 'drop',
};

const cases: readonly (readonly [
  what: string,
  attachments: (family: Family) => readonly Manifest[],
  verdicts: Readonly<Record<string, Told>>,
  reasons: Readonly<Record<string, string>>,
])[] = [
  [
    'IKE, ESP and WireGuard, from the peers of links alone',
    (family) => [ipsec(family), wireguard({ allowFrom: [roaming[family]] })],
    {
      'eth0→local udp/500': 'accept',
      'eth0→local udp/4500': 'accept',
      'eth0→local ip/50': 'accept',
      'eth0→local udp/500 from ten': 'drop',
      'eth0→local udp/4500 from doc': 'drop',
      'eth0→local ip/50 from doc': 'drop',
      'eth0→local ip/51': 'drop',
      'eth0→local udp/501': 'drop',
      'eth0→local tcp/500': 'drop',
      'eth0→local tcp/4500': 'drop',
      'eth0→local udp/53': 'drop',
      'eth0→local icmp/8:128': 'drop',
      'eth1→local ip/50': 'drop',
      'eth1→local udp/500': 'drop',
      'local→eth0 udp/500': 'accept',
      'local→eth0 ip/50': 'accept',
      'local→eth0 udp/501': 'drop',
      'local→eth1 ip/50': 'drop',
      'local→eth1 udp/4500': 'drop',
      'eth0→local udp/51821 from ten': 'accept',
      'eth0→local udp/51821 from doc': 'drop',
      'eth0→local udp/51820 from ten': 'drop',
      // Let in to the router itself, never through it.
      'eth0→eth1 ip/50': 'drop',
      'eth0→eth1 udp/500': 'drop',
      'eth0→eth1 tcp/22': 'drop',
    },
    {
      'eth0→local ip/50': 'failsafe 50, ESP of Attachment vpn',
      'eth0→local udp/4500': 'failsafe udp/4500, IKE of Attachment vpn',
      'eth0→local udp/51821 from ten': 'failsafe udp/51821, WireGuard of Attachment wire',
      'eth1→local tcp/22': 'failsafe tcp/22, ssh',
    },
  ],
  [
    'a tunnel over another link, on that link alone, whoever claims the peer’s address elsewhere',
    (family) => [plain('eth0', family), ipsec(family, { over: 'eth0' })],
    {
      'eth0→local udp/500': 'accept',
      'eth0→local udp/4500': 'accept',
      'eth0→local ip/50': 'accept',
      'eth1→local udp/500 from eth0': 'drop',
      'eth1→local udp/4500 from eth0': 'drop',
      'eth1→local ip/50 from eth0': 'drop',
    },
    {},
  ],
  [
    'BGP and BFD of neighbors on a network, and nothing else of theirs; doctor’s echo requests out',
    (family) => [plain('eth0', family)],
    {
      'eth0→local tcp/179': 'accept',
      'eth0→local udp/3784': 'accept',
      'eth0→local tcp/179 from ten': 'drop',
      'eth0→local udp/3784 from doc': 'drop',
      'eth0→local udp/4784': 'drop',
      'eth0→local udp/179': 'drop',
      'eth0→local tcp/80': 'drop',
      'eth1→local tcp/179': 'drop',
      'local→eth0 udp/3784': 'accept',
      'local→eth0 icmp/8:128': 'accept',
      'local→eth0 icmp/13:130': 'drop',
      'local→eth1 icmp/8:128': 'drop',
      'eth0→local icmp/8:128': 'drop',
      // An answer to what nobody asked.
      'eth0→local icmp/0:129': 'drop',
    },
    {
      'eth0→local tcp/179': 'failsafe tcp/179, BGP of Attachment eth0',
      'eth0→local udp/3784': 'failsafe udp/3784, BFD of Attachment eth0',
      'local→eth0 icmp/8:128': 'echo requests, doctor of Attachment eth0',
    },
  ],
  [
    'BGP and BFD of a tunnel’s other end by its device, not by who claims its address outside',
    (family) => [ipsec(family)],
    {
      'eth0→local tcp/179 from inside': 'drop',
      'eth0→local udp/3784 from inside': 'drop',
      'eth1→local tcp/179 from inside': 'drop',
      'eth0→local icmp/8:128 from inside': 'drop',
    },
    {},
  ],
  [
    'WireGuard of a peer that may be anywhere, on its port alone',
    () => [wireguard({})],
    {
      'eth0→local udp/51821 from ten': 'accept',
      'eth1→local udp/51821': 'accept',
      'eth0→local udp/51820 from ten': 'drop',
      'eth0→local tcp/51821 from ten': 'drop',
      'eth0→eth1 udp/51821': 'drop',
    },
    {},
  ],
];

/** `from eth0` and `from inside` are claims: no machine of the lab there has that address. */
function readClaim(text: string, family: Family, port: number): Sent {
  const [, plainText = text, claim] = /^(.*) from (eth0|inside)$/.exec(text) ?? [];
  const sent = readPacket(plainText, family, port);
  const claimed = { eth0: beside.eth0[family], inside: insideOf[family][1] }[claim ?? ''];
  return claimed === undefined ? sent : { ...sent, packet: { ...sent.packet, source: claimed } };
}

const rows = Object.entries(policies).flatMap(([when, policy]) =>
  cases.flatMap(([what, ...rest]) => families.map((family) => [family, when, what, policy, ...rest] as const)),
);
/** IKE with certificates comes in pieces, of which the first alone has ports. */
const forms = ['whole', 'last fragment first', 'options, fragments'] as const;

it.each(rows)(
  'IPv%i, denied as %s: lets in %s',
  async (family, _when, _what, denied, attachments, verdicts, reasons) => {
    const policy = readPolicy([...closed(denied), ...attachments(family)]);
    const wanted = { ...verdicts, ...always };
    const texts = Object.keys(wanted);
    const packets = texts.map((text, i) => readClaim(text, family, 41_000 + i));
    const explained = packets.map((sent) =>
      explainPacket(policy, passageOf(wayOf(sent)), packetOf(sent.packet), () => undefined),
    );
    const told = (of: (i: number) => string) => Object.fromEntries(texts.map((text, i) => [text, of(i)]));
    expect(told((i) => explained[i]?.verdict ?? '')).toEqual(wanted);
    await lab.enforce(policy);
    for (const form of forms) {
      await lab.forget();
      const arrived = await lab.send(packets.map((sent) => ({ ...sent, form })));
      expect(told((i) => (arrived[i] ? 'accept' : 'drop'))).toEqual(wanted);
    }
    for (const [text, reason] of Object.entries(reasons)) {
      expect(JSON.stringify(explained[texts.indexOf(text)]?.trace), text).toContain(reason);
    }
  },
);
