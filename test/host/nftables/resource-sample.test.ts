/**
 * The kernel's own verdicts: rulesets compiled from random resources, and real packets through them; what arrives must be
 * what `explain` accepts.
 *
 *   far 0 ── eth0 [router] eth1 ── far 1      frames in from either side, packets from the router itself
 */
import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { resolveIntent } from '../../../src/intent/resolve-intent.ts';
import { address } from '../../../src/net/literals.fixture.ts';
import { compileRuleset } from '../../../src/nftables/compile.ts';
import { printRuleset } from '../../../src/nftables/print.ts';
import { parseFile } from '../../../src/resources/document.ts';
import { makeSnapshot } from '../../../src/resources/snapshot.ts';
import { explainPacket } from '../../../src/verdict/explain-packet.ts';
import { passage } from '../../../src/verdict/policy.fixture.ts';
import { printVerdict } from '../../../src/verdict/print-verdict.ts';
import { calicoNetworks, printManifests, routerNetworks } from '../../properties/arbitrary-manifests.ts';
import { isIpv6 } from '../../properties/naive/address.ts';
import type { Manifest, NaivePacket } from '../../properties/naive/manifest.ts';
import { openPrivateKernel, type PrivateKernel } from './private-kernel.ts';
import { type FrameSocket, type HostSockets, openFrames, openHost } from './raw-sockets.ts';
import { encodePacket, identityOf, readTrailer } from './wire-packet.ts';

const seed = 20261125;
const networksTried = 30;
const packetsEach = 16;

const own = { 4: ['10.0.0.1', '10.0.1.1'], 6: ['2001:db8::1', '2001:db8:1::1'] } as const;
const others = {
  4: ['10.0.0.2', '10.0.0.3', '10.0.1.2', '192.0.2.7'],
  6: ['2001:db8::2', '2001:db8::3', '2001:db8:1::2'],
} as const;
const routerMacs = ['02:00:00:00:00:10', '02:00:00:00:00:11'];
const farMac = '02:00:00:00:00:20';

let router: PrivateKernel;
let fars: PrivateKernel[];
let frames: FrameSocket[];
let host: HostSockets;

beforeAll(async () => {
  [router, ...fars] = await Promise.all([openPrivateKernel(), openPrivateKernel(), openPrivateKernel()]);
  const run = async (kernel: PrivateKernel, words: string): Promise<void> => {
    const [program = '', ...args] = words.split(' ');
    expect(await kernel.run(program, ...args), words).toBe(0);
  };
  const sysctls = ['net.ipv4.ip_forward=1', 'net.ipv6.conf.all.forwarding=1', 'net.ipv4.conf.all.send_redirects=0'];
  const quiet = ['net.ipv4.conf.all.rp_filter=0', 'net.ipv4.conf.default.rp_filter=0'];
  for (const setting of [...sysctls, ...quiet]) await run(router, `sysctl -qw ${setting}`);
  for (const [i, far] of fars.entries()) {
    await run(router, `link add eth${i} type veth peer name eth0 netns ${far.pid}`.replace(/^/, 'ip '));
    await run(router, `ip link set eth${i} address ${routerMacs[i]} up`);
    await run(far, `ip link set eth0 address ${farMac} up`);
    await run(router, `ip addr add 10.0.${i}.1/24 dev eth${i}`);
    await run(router, `ip addr add 2001:db8:${i === 0 ? '' : i}:${i === 0 ? '' : ':'}1/64 dev eth${i} nodad`);
    for (const neighbor of [...others[4], ...others[6]].filter((text) => sideOf(text) === i)) {
      if (neighbor === '192.0.2.7') await run(router, `ip route add 192.0.2.0/24 via 10.0.1.2`);
      else await run(router, `ip neigh add ${neighbor} lladdr ${farMac} dev eth${i} nud permanent`);
    }
  }
  frames = fars.map(({ pid }) => openFrames(pid, 'eth0'));
  host = openHost(router.pid, [1, 6, 17, 58]);
});

afterAll(() => {
  for (const socket of [...(frames ?? []), host]) socket?.close();
  for (const kernel of [router, ...(fars ?? [])]) kernel?.close();
});

/** Which interface an address is behind. */
function sideOf(text: string): 0 | 1 {
  return /^(10\.0\.1|192|2001:db8:1:)/.test(text) ? 1 : 0;
}

/** As it is sent: `from` an interface, or from the router itself. */
interface Sent {
  readonly from: 0 | 1 | undefined;
  readonly packet: NaivePacket;
}

const ports = fc.constantFrom(22, 80, 80, 443, 8080, 79, 179, 1024);
/** What conntrack makes of a first packet of the type. */
const icmps = {
  4: fc.constantFrom<[number, NaivePacket['ct']]>([8, 'new'], [8, 'new'], [0, 'invalid']),
  6: fc.constantFrom<[number, NaivePacket['ct']]>([128, 'new'], [128, 'new'], [135, 'untracked']),
};

const sendings: fc.Arbitrary<Sent> = fc
  .record({
    family: fc.constantFrom<4 | 6>(4, 6),
    from: fc.constantFrom<Sent['from']>(0, 0, 1, 1, undefined),
    isLocal: fc.boolean(),
    here: fc.nat(1),
    there: fc.nat(10),
    source: fc.nat(10),
    protocol: fc.constantFrom(6, 6, 17, 0),
    sourcePort: ports,
    destinationPort: ports,
    icmp4: icmps[4],
    icmp6: icmps[6],
    icmpCode: fc.constantFrom(0, 0, 1),
    isBroken: fc.constantFrom(false, false, false, true),
  })
  .map(({ family, from, isLocal, here, there, source, protocol, isBroken, icmpCode, ...rest }) => {
    const mine = own[family][here] ?? '';
    const pick = (index: number) => others[family][index % others[family].length] ?? '';
    const ends = {
      source: from === undefined ? mine : pick(source),
      destination: from !== undefined && isLocal ? mine : pick(there),
    };
    if (protocol === 0) {
      const [icmpType, ct] = family === 4 ? rest.icmp4 : rest.icmp6;
      return { from, packet: { ...ends, protocol: family === 4 ? 1 : 58, icmpType, icmpCode, ct } };
    }
    const { sourcePort, destinationPort } = rest;
    const ct = protocol === 6 && isBroken ? 'invalid' : 'new';
    return { from, packet: { ...ends, protocol, sourcePort, destinationPort, ct } };
  });

/** One packet of a flow, whichever way: the second would be of an established one. */
const batches = fc.uniqueArray(sendings, {
  minLength: packetsEach,
  maxLength: packetsEach,
  selector: ({ packet }) => {
    const { protocol, source, destination, sourcePort, destinationPort, icmpType } = packet;
    return `${protocol} ${icmpType} ${[`${source} ${sourcePort}`, `${destination} ${destinationPort}`].sort().join()}`;
  },
});

let sentSoFar = 0;

it.each([
  ['a Calico Node alone', calicoNetworks],
  ['a Router', routerNetworks],
])(
  'lets through what explain accepts, and nothing else: %s',
  async (_, networks) => {
    const samples = fc.sample(fc.tuple(networks, batches), { seed, numRuns: networksTried });
    const seen = { arrived: 0, stopped: 0 };
    for (const [manifests, batch] of samples) {
      const policy = readPolicy(manifests);
      await router.load(printRuleset(compileRuleset(policy)));
      await router.run('conntrack', '-F');
      const told = batch.map((sent) => {
        const given = {
          ...sent.packet,
          source: address(sent.packet.source),
          destination: address(sent.packet.destination),
        };
        return explainPacket(policy, passage(wayOf(sent)), { ...given, ctState: sent.packet.ct }, () => undefined);
      });
      const arrived = await sendAll(batch);
      for (const [i, verdict] of told.entries()) {
        const story = () => `${JSON.stringify(batch[i])}\n${printVerdict(verdict)}\n${printManifests(manifests)}`;
        if (arrived[i] !== (verdict.verdict === 'accept')) throw new Error(`arrived: ${arrived[i]}\n${story()}`);
        seen[arrived[i] ? 'arrived' : 'stopped']++;
      }
    }
    expect(Math.min(seen.arrived, seen.stopped)).toBeGreaterThan(networksTried);
  },
  60_000,
);

function readPolicy(manifests: readonly Manifest[]) {
  const { resources, errors } = parseFile({ path: 'network.yaml', text: printManifests(manifests) });
  expect(errors).toEqual([]);
  const intent = resolveIntent(makeSnapshot(resources), 'r1');
  if (!intent.ok) throw new Error('no router');
  return intent.value.policy;
}

function wayOf({ from, packet }: Sent): string {
  const out = `eth${sideOf(packet.destination)}`;
  if (from === undefined) return `local → ${out}`;
  const isOwn = [...own[4], ...own[6]].some((text) => text === packet.destination);
  return `eth${from} → ${isOwn ? 'local' : out}`;
}

/** Sends all, waits until the router has dealt with the last, and says of each whether it came where it was to go. */
async function sendAll(batch: readonly Sent[]): Promise<boolean[]> {
  const first = sentSoFar;
  sentSoFar += batch.length;
  const wires = batch.map(({ packet }, i) => encodePacket(packet, first + i));
  for (const [i, { from, packet }] of batch.entries()) {
    const wire = wires[i] ?? Buffer.alloc(0);
    if (from === undefined) host.send(wire);
    else frames[from]?.send(Buffer.concat([ethernet(from, isIpv6(packet.source) ? 0x86dd : 0x0800), wire]));
  }
  const [far0, far1] = await Promise.all(frames.map((_, i) => receiveUntilAnswered(i)));
  const local = host.receive();
  return batch.map((sent, i) => {
    const wire = wires[i] ?? Buffer.alloc(0);
    const isOf = (bytes: Buffer) => readTrailer(bytes) === first + i;
    if (wayOf(sent).endsWith('local')) return local.some(isOf);
    const received = (sideOf(sent.packet.destination) === 0 ? far0 : far1) ?? [];
    return received.some((frame) => isOf(frame) && identityOf(frame.subarray(14)) === identityOf(wire));
  });
}

function ethernet(side: number, type: number): Buffer {
  const macs = [routerMacs[side], farMac].join(':').split(':');
  return Buffer.from([...macs.map((byte) => Number.parseInt(byte, 16)), type >> 8, type & 0xff]);
}

/** Policy has no say in ARP, and the router takes frames in order: its answer says that all before were dealt with. */
async function receiveUntilAnswered(side: number): Promise<Buffer[]> {
  const request = Buffer.alloc(28);
  request.writeUIntBE(0x000108000604, 0, 6);
  request.writeUInt16BE(1, 6);
  Buffer.from(farMac.replaceAll(':', ''), 'hex').copy(request, 8);
  Buffer.from([10, 0, side, 2]).copy(request, 14);
  Buffer.from([10, 0, side, 1]).copy(request, 24);
  frames[side]?.send(Buffer.concat([ethernet(side, 0x0806), request]));
  const received: Buffer[] = [];
  await expect
    .poll(
      () => {
        received.push(...(frames[side]?.receive() ?? []));
        return received.some((frame) => frame.readUInt16BE(12) === 0x0806 && frame.readUInt16BE(20) === 2);
      },
      { timeout: 5000, interval: 2 },
    )
    .toBe(true);
  return received;
}
