/**
 * What a closed router lets in for its tunnels: asked of `explain` and of the kernel with real packets, in both families.
 */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { explainPacket } from '../../../src/verdict/explain-packet.ts';
import type { Manifest } from '../../properties/naive/manifest.ts';
import { packetOf, passageOf } from '../../properties/packet-of.ts';
import { openPacketLab, type PacketLab, wayOf } from '../nftables/packet-lab.ts';
import { calico, readPacket, readPolicy, router } from '../policy/verdict-table.ts';

let lab: PacketLab;
beforeAll(async () => {
  lab = await openPacketLab();
});
afterAll(() => lab?.close());

/** The naive evaluator, whose manifests these are, knows no links. */
const causeway = (kind: string, name: string, spec: object): Manifest => ({
  apiVersion: 'causeway.dev/v1',
  kind,
  metadata: { name },
  spec: spec as Manifest['spec'],
});
const peers = { 4: '10.0.0.2', 6: '2001:db8::2' } as const;
const roaming = { 4: '10.1.0.0/16', 6: '2001:db8:10::/48' } as const;

/** Nothing is open on eth0 and eth1 but what the links ask for; the peer of the IPsec tunnel is the host beside eth0. */
function closedRouter(family: 4 | 6): Manifest[] {
  const inside = { local: ['169.254.9.2/30'], remote: ['169.254.9.1'] };
  const psk = { secretRef: { name: 'dc', key: 'psk' } };
  return [
    router('Deny'),
    ...['eth0', 'eth1'].map((interfaceName) => calico('HostEndpoint', interfaceName, { node: 'r1', interfaceName })),
    causeway('Site', 'dc', { type: 'datacenter', prefixes: ['10.10.0.0/16'] }),
    causeway('Site', 'branch', { type: 'other', prefixes: ['10.11.0.0/16'] }),
    causeway('Attachment', 'vpn', {
      router: 'r1',
      site: 'dc',
      link: { ipsec: { psk, tunnels: [{ remoteAddress: peers[family], addresses: inside }] } },
      static: { prefixes: ['10.10.0.0/16'] },
    }),
    causeway('Attachment', 'wire', {
      router: 'r1',
      site: 'branch',
      link: {
        wireguard: {
          listenPort: 51_821,
          peerPublicKey: 'xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg=',
          allowFrom: [roaming[family]],
        },
      },
      addresses: { local: ['169.254.9.6/30'], remote: ['169.254.9.5'] },
      static: { prefixes: ['10.11.0.0/16'] },
    }),
  ];
}

const table: Readonly<Record<string, 'accept' | 'drop'>> = {
  'eth0→local udp/500': 'accept',
  'eth0→local udp/4500': 'accept',
  'eth0→local ip/50': 'accept',
  'eth0→local udp/500 from ten': 'drop',
  'eth0→local udp/4500 from doc': 'drop',
  'eth0→local ip/50 from doc': 'drop',
  'eth0→local ip/51': 'drop',
  'eth1→local ip/50': 'drop',
  'eth1→local udp/500': 'drop',
  'local→eth0 udp/500': 'accept',
  'local→eth0 ip/50': 'accept',
  'local→eth1 ip/50': 'drop',
  'local→eth1 udp/4500': 'drop',
  'eth0→local udp/51821 from ten': 'accept',
  'eth0→local udp/51821 from doc': 'drop',
  'eth0→local udp/51820 from ten': 'drop',
  // Let in to the router itself, never through it.
  'eth0→eth1 ip/50': 'drop',
  'eth0→eth1 udp/500': 'drop',
};

it.each([4, 6] as const)(
  'IPv%i: IKE, ESP and WireGuard come from the peers of links, and from nobody else',
  async (family) => {
    const policy = readPolicy(closedRouter(family));
    const texts = Object.keys(table);
    const packets = texts.map((text, i) => readPacket(text, family, 41_000 + i));
    const explained = packets.map((sent) =>
      explainPacket(policy, passageOf(wayOf(sent)), packetOf(sent.packet), () => undefined),
    );
    await lab.forget();
    await lab.enforce(policy);
    const arrived = await lab.send(packets);
    const told = (of: (i: number) => string) => Object.fromEntries(texts.map((text, i) => [text, of(i)]));
    expect(told((i) => explained[i]?.verdict ?? '')).toEqual(table);
    expect(told((i) => (arrived[i] ? 'accept' : 'drop'))).toEqual(table);
    const reasons = explained.map(({ trace }) => JSON.stringify(trace));
    expect(reasons[texts.indexOf('eth0→local ip/50')]).toContain('of Attachment vpn');
    expect(reasons[texts.indexOf('eth0→local udp/51821 from ten')]).toContain('of Attachment wire');
  },
);
