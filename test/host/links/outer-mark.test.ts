/**
 * The mark on the outer packets of tunnels, by which they are routed, passes our chains: packets that a router itself sends.
 */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { markBits } from '../../../src/nftables/marks.ts';
import type { Manifest } from '../../properties/naive/manifest.ts';
import { openPacketLab, type PacketLab } from '../nftables/packet-lab.ts';
import { calico, readPacket, readPolicy, router } from '../policy/verdict-table.ts';

let lab: PacketLab;
beforeAll(async () => {
  lab = await openPacketLab();
});
afterAll(() => lab?.close());

/** UDP to port 4500 may go out by eth1, and nothing else; applied on forward or not, tracked or not. */
function onlyNatTraversal(options: object): Manifest[] {
  const egress = [{ action: 'Allow', protocol: 'UDP', destination: { ports: [4500] } }, { action: 'Deny' }];
  return [
    router('Allow'),
    calico('HostEndpoint', 'eth1', { node: 'r1', interfaceName: 'eth1' }, { side: 'out' }),
    calico('GlobalNetworkPolicy', 'out', { selector: "side == 'out'", types: ['Egress'], egress, ...options }),
  ];
}

const bit = `0x${markBits.outer.toString(16)}`;

/** Marks in output before any chain of ours, as a socket's mark is there before; lets nothing without the mark onto the wire. */
const strangers = (isMarking: boolean) => `
  table inet strangers
  delete table inet strangers
  table inet strangers {
    chain before { type filter hook output priority -400; ${isMarking ? `meta mark set meta mark or ${bit}` : ''}; }
    chain after { type filter hook postrouting priority 300; meta l4proto udp meta mark and ${bit} == 0 drop; }
  }`;

it.each<[string, 4 | 6, object]>(
  ([4, 6] as const).flatMap((family): [string, 4 | 6, object][] => [
    ['tracked', family, {}],
    ['on forward too', family, { applyOnForward: true }],
    ['untracked', family, { doNotTrack: true, applyOnForward: true }],
  ]),
)('policy that is %s keeps the mark and is not swayed by it (IPv%i)', async (_title, family, options) => {
  const packets = ['local→eth1 udp/4500', 'local→eth1 udp/4501'].map((text, i) => readPacket(text, family, 42_000 + i));
  await lab.enforce(readPolicy(onlyNatTraversal(options)));
  const arrivedWhere = async (isMarking: boolean) => {
    await lab.forget();
    await lab.router.load(strangers(isMarking));
    return lab.send(packets);
  };
  expect(await arrivedWhere(true)).toEqual([true, false]);
  expect(await arrivedWhere(false)).toEqual([false, false]);
});
