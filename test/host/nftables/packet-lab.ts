/**
 * A router between two networks, in namespaces, and packets as bytes from every side of it.
 *
 *   far 0 ── eth0 [router] eth1 ── far 1      frames in from either side, packets from the router itself
 *
 * Nobody answers: what a packet does is seen where it arrives. Everything not known to be behind eth1 is behind eth0.
 */
import { expect } from 'vitest';
import type { PolicyIntent } from '../../../src/intent/policy/policy-intent.ts';
import { compileRuleset } from '../../../src/nftables/compile.ts';
import { printRuleset } from '../../../src/nftables/print.ts';
import { isIpv6 } from '../../properties/naive/address.ts';
import type { NaivePacket, NaiveWay } from '../../properties/naive/manifest.ts';
import { openPrivateKernel, type PrivateKernel } from './private-kernel.ts';
import { openFrames, openHost } from './raw-sockets.ts';
import { encodePacket, identityAfterNat, identityOf, type PacketForm } from './wire-packet.ts';
import { readTrailer } from './wire-transport.ts';

/** The router's own addresses, on eth0 and eth1. */
export const own = { 4: ['10.0.0.1', '10.0.1.1'], 6: ['2001:db8::1', '2001:db8:1::1'] } as const;
/** Machines beside it, some on either side. */
export const others = {
  4: ['10.0.0.2', '10.0.0.3', '10.0.1.2', '192.0.2.7'],
  6: ['2001:db8::2', '2001:db8::3', '2001:db8:1::2'],
} as const;
const loopback = ['127.0.0.1', '::1'];
const routerMacs = ['02:00:00:00:00:10', '02:00:00:00:00:11'];
const farMac = '02:00:00:00:00:20';
const protocols = [1, 6, 17, 58, 132, 136, 47, 50, 89, 112];

/** As it is sent: `from` an interface, or from the router itself. */
export interface Sent {
  readonly from: 0 | 1 | undefined;
  readonly packet: NaivePacket;
  readonly form?: PacketForm;
  /** What an ICMP error is about. */
  readonly quoted?: NaivePacket;
}

export interface PacketLab {
  readonly router: PrivateKernel;
  /** The one way that a ruleset gets into the router. */
  enforce(policy: PolicyIntent): Promise<void>;
  /** Makes conntrack forget every flow. */
  forget(): Promise<void>;
  /** Sends all in order, waits until the router has dealt with the last, and says of each whether it came where it was to go. */
  send(batch: readonly Sent[]): Promise<boolean[]>;
  /** Puts an IP packet onto the wire as it is; the IP packets that then leave on the other side. */
  sendBytes(from: 0 | 1, packet: Buffer): Promise<Buffer[]>;
  close(): void;
}

/** Which interface an address is behind. */
export function sideOf(text: string): 0 | 1 {
  return /^(10\.0\.1|192|2001:db8:1:)/.test(text) ? 1 : 0;
}

export function wayOf({ from, packet }: Sent): NaiveWay {
  const isOwn = [...own[4], ...own[6], ...loopback].includes(packet.destination);
  if (from !== undefined && isOwn) return { in: `eth${from}` };
  const out = loopback.includes(packet.destination) ? 'lo' : `eth${sideOf(packet.destination)}`;
  return from === undefined ? { out } : { in: `eth${from}`, out };
}

export async function openPacketLab(): Promise<PacketLab> {
  const [router, ...fars] = await Promise.all([openPrivateKernel(), openPrivateKernel(), openPrivateKernel()]);
  await connect(router, fars);
  const frames = fars.map(({ pid }) => openFrames(pid, 'eth0'));
  const host = openHost(router.pid, protocols);
  let sentSoFar = 0;

  /** Policy has no say in ARP, and the router takes frames in order: its answer says that all before were dealt with. */
  async function receiveUntilAnswered(side: number): Promise<Buffer[]> {
    frames[side]?.send(Buffer.concat([ethernet(side, 0x0806), arpRequest(side)]));
    const received: Buffer[] = [];
    await expect
      .poll(
        () => {
          received.push(...(frames[side]?.receive() ?? []));
          return received.some((frame) => frame.readUInt16BE(12) === 0x0806 && frame.readUInt16BE(20) === 2);
        },
        { interval: 2 },
      )
      .toBe(true);
    return received;
  }

  return {
    router,
    enforce: (policy) => router.load(printRuleset(compileRuleset(policy))),
    forget: async () => void (await router.run('conntrack', '-F')),
    async send(batch) {
      const first = sentSoFar;
      sentSoFar += batch.length;
      for (const [i, { from, packet, form, quoted }] of batch.entries()) {
        const about = quoted && encodePacket(quoted, first + i)[0];
        for (const wire of encodePacket(packet, first + i, form, about)) {
          if (from === undefined) host.send(wire);
          else frames[from]?.send(Buffer.concat([ethernet(from, isIpv6(packet.source) ? 0x86dd : 0x0800), wire]));
        }
      }
      const arrived = await Promise.all(frames.map((_, i) => receiveUntilAnswered(i)));
      const local = host.receive();
      return batch.map((sent, i) => {
        const isOf = (bytes: Buffer) => readTrailer(bytes) === first + i;
        const way = wayOf(sent);
        if (way.out === undefined || way.out === 'lo') return local.some(isOf);
        const received = arrived[sideOf(sent.packet.destination)] ?? [];
        const identity = identityAfterNat(sent.packet);
        return received.some((frame) => isOf(frame) && identityOf(frame.subarray(14)) === identity);
      });
    },
    async sendBytes(from, packet) {
      frames[from]?.send(Buffer.concat([ethernet(from, (packet[0] ?? 0) >> 4 === 6 ? 0x86dd : 0x0800), packet]));
      const received = await Promise.all(frames.map((_, i) => receiveUntilAnswered(i)));
      const left = received[1 - from] ?? [];
      return left.filter((frame) => frame.readUInt16BE(12) !== 0x0806).map((frame) => frame.subarray(14));
    },
    close() {
      for (const socket of [...frames, host]) socket.close();
      for (const kernel of [router, ...fars]) kernel.close();
    },
  };
}

async function connect(router: PrivateKernel, fars: readonly PrivateKernel[]): Promise<void> {
  const run = async (kernel: PrivateKernel, words: string): Promise<void> => {
    const [program = '', ...args] = words.split(' ');
    expect(await kernel.run(program, ...args), words).toBe(0);
  };
  const sysctls = ['net.ipv4.ip_forward=1', 'net.ipv6.conf.all.forwarding=1', 'net.ipv4.conf.all.send_redirects=0'];
  const quiet = ['net.ipv4.conf.all.rp_filter=0', 'net.ipv4.conf.default.rp_filter=0'];
  for (const setting of [...sysctls, ...quiet]) await run(router, `sysctl -qw ${setting}`);
  await run(router, 'ip link set lo up');
  for (const [i, far] of fars.entries()) {
    await run(router, `ip link add eth${i} type veth peer name eth0 netns ${far.pid}`);
    await run(router, `ip link set eth${i} address ${routerMacs[i]} up`);
    await run(far, `ip link set eth0 address ${farMac} up`);
    await run(router, `ip addr add ${own[4][i]}/24 dev eth${i}`);
    await run(router, `ip addr add ${own[6][i]}/64 dev eth${i} nodad`);
    for (const neighbor of [...others[4], ...others[6]].filter((text) => sideOf(text) === i)) {
      if (neighbor === '192.0.2.7') await run(router, `ip route add 192.0.2.0/24 via 10.0.1.2`);
      else await run(router, `ip neigh add ${neighbor} lladdr ${farMac} dev eth${i} nud permanent`);
    }
  }
  await run(router, 'ip route add default via 10.0.0.2');
  await run(router, 'ip -6 route add default via 2001:db8::2');
}

function ethernet(side: number, type: number): Buffer {
  const macs = [routerMacs[side], farMac].join(':').split(':');
  return Buffer.from([...macs.map((byte) => Number.parseInt(byte, 16)), type >> 8, type & 0xff]);
}

function arpRequest(side: number): Buffer {
  const request = Buffer.alloc(28);
  request.writeUIntBE(0x000108000604, 0, 6);
  request.writeUInt16BE(1, 6);
  Buffer.from(farMac.replaceAll(':', ''), 'hex').copy(request, 8);
  Buffer.from([10, 0, side, 2]).copy(request, 14);
  Buffer.from([10, 0, side, 1]).copy(request, 24);
  return request;
}
