/**
 * The kernel's own verdicts: rulesets compiled from random resources, and real packets through them, of every protocol and
 * in every form; what arrives must be what `explain` accepts.
 *
 * CAUSEWAY_SAMPLE_NETWORKS sets how many networks of each sort are tried, CAUSEWAY_PROPERTY_SEED where the search begins.
 */
import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { resolveIntent } from '../../../src/intent/resolve-intent.ts';
import { parseFile } from '../../../src/resources/document.ts';
import { makeSnapshot } from '../../../src/resources/snapshot.ts';
import { explainPacket } from '../../../src/verdict/explain-packet.ts';
import { printVerdict } from '../../../src/verdict/print-verdict.ts';
import { calicoNetworks, printManifests, routerNetworks } from '../../properties/arbitrary-manifests.ts';
import type { Manifest, NaivePacket } from '../../properties/naive/manifest.ts';
import { packetOf, passageOf } from '../../properties/packet-of.ts';
import { openPacketLab, others, own, type PacketLab, type Sent, sideOf, wayOf } from './packet-lab.ts';
import { packetForms } from './wire-packet.ts';

const seed = Number(process.env['CAUSEWAY_PROPERTY_SEED'] ?? 20261125);
const networksTried = Number(process.env['CAUSEWAY_SAMPLE_NETWORKS'] ?? 30);
const packetsEach = 24;

let lab: PacketLab;
beforeAll(async () => {
  lab = await openPacketLab();
});
afterAll(() => lab?.close());

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
    /** 0 stands for ICMP of the family. */
    protocol: fc.constantFrom(6, 6, 17, 0, 132, 136, 47, 50, 89, 112),
    sourcePort: ports,
    destinationPort: ports,
    icmp4: icmps[4],
    icmp6: icmps[6],
    icmpCode: fc.constantFrom(0, 0, 1),
    isBroken: fc.constantFrom(false, false, false, true),
    form: fc.constantFrom('whole' as const, ...packetForms),
  })
  .map(({ family, from, isLocal, here, there, source, protocol, isBroken, icmpCode, form, ...rest }): Sent => {
    const mine = own[family][here] ?? '';
    const pick = (index: number) => others[family][index % others[family].length] ?? '';
    const ends = {
      source: from === undefined ? mine : pick(source),
      destination: from !== undefined && isLocal ? mine : pick(there),
    };
    if (protocol === 0) {
      const [icmpType, ct] = family === 4 ? rest.icmp4 : rest.icmp6;
      return { from, form, packet: { ...ends, protocol: family === 4 ? 1 : 58, icmpType, icmpCode, ct } };
    }
    if (protocol > 17 && protocol !== 132 && protocol !== 136) {
      return { from, form, packet: { ...ends, protocol, ct: 'new' } };
    }
    const { sourcePort, destinationPort } = rest;
    // Linux calls every UDPLite packet that arrives invalid, however right its checksum (semantics §10.10).
    const isInvalid = protocol === 6 ? isBroken : protocol === 136 && from !== undefined;
    const ct = isInvalid ? 'invalid' : 'new';
    return { from, form, packet: { ...ends, protocol, sourcePort, destinationPort, ct } };
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

it.each([
  ['a Calico Node alone', calicoNetworks],
  ['a Router', routerNetworks],
])(
  'lets through what explain accepts, and nothing else: %s',
  async (_, networks) => {
    const samples = fc.sample(fc.tuple(networks, batches), { seed, numRuns: networksTried });
    const seen = new Map<string, number>();
    for (const [manifests, batch] of samples) {
      const policy = readPolicy(manifests);
      const replies = batch.flatMap(replyTo);
      await lab.enforce(openPolicy);
      await lab.forget();
      await lab.send(replies.map(({ request }) => request));
      await lab.enforce(policy);
      const all = [...replies.map(({ reply }) => reply), ...batch];
      const answered = await lab.send(replies.map(({ reply }) => reply));
      await lab.forget();
      const arrived = [...answered, ...(await lab.send(batch))];
      for (const [i, sent] of all.entries()) {
        const { ct, protocol, source } = sent.packet;
        const verdict = explainPacket(policy, passageOf(wayOf(sent)), packetOf(sent.packet), () => undefined);
        const story = () => `${JSON.stringify(sent)}\n${printVerdict(verdict)}\n${printManifests(manifests)}`;
        if (arrived[i] !== (verdict.verdict === 'accept')) throw new Error(`arrived: ${arrived[i]}\n${story()}`);
        for (const name of [`protocol ${protocol}`, sent.form ?? 'whole', ct, source.includes(':') ? 'v6' : 'v4']) {
          const key = `${name} ${arrived[i] ? 'arrived' : 'stopped'}`;
          seen.set(key, (seen.get(key) ?? 0) + 1);
        }
      }
    }
    const met = [
      ...[1, 6, 17, 58, 132, 47, 50, 89, 112].map((n) => `protocol ${n}`),
      ...packetForms,
      'new',
      'v4',
      'v6',
    ];
    const missing = met.flatMap((name) => [`${name} arrived`, `${name} stopped`]).filter((name) => !seen.has(name));
    expect(missing).toEqual([]);
    expect(seen.has('established arrived')).toBe(true);
  },
  60_000 + networksTried * 2000,
);

/** Everything may pass, and is tracked: a flow that begins under it is established under the next policy. */
const openPolicy = readPolicy([
  { apiVersion: 'projectcalico.org/v3', kind: 'Node', metadata: { name: 'r1' }, spec: {} },
  ...['eth0', 'eth1'].map((interfaceName) => ({
    apiVersion: 'projectcalico.org/v3',
    kind: 'HostEndpoint',
    metadata: { name: interfaceName },
    spec: { node: 'r1', interfaceName, profiles: ['projectcalico-default-allow'] },
  })),
]);

/** A packet that answers another one, which opened the flow; not where the router itself would answer first. */
function replyTo({ from, packet, form }: Sent): { request: Sent; reply: Sent }[] {
  const { source, destination, sourcePort, destinationPort, protocol, icmpType, ct } = packet;
  const isEcho = icmpType === 8 || icmpType === 128;
  const isToRouter = [...own[4], ...own[6]].some((text) => text === destination);
  if (ct !== 'new' || protocol === 132 || protocol === 136 || isToRouter || (protocol === 6 && from === undefined))
    return [];
  if (icmpType !== undefined && !isEcho) return [];
  const answer = {
    ...packet,
    source: destination,
    destination: source,
    ct: 'established' as const,
    ...(sourcePort !== undefined && destinationPort !== undefined
      ? { sourcePort: destinationPort, destinationPort: sourcePort }
      : {}),
  };
  // An echo's identifier is the packet's number, which differs.
  if (isEcho) return [];
  return [{ request: { from, packet }, reply: { from: sideOf(destination), packet: answer, ...(form && { form }) } }];
}

function readPolicy(manifests: readonly Manifest[]) {
  const { resources, errors } = parseFile({ path: 'network.yaml', text: printManifests(manifests) });
  expect(errors).toEqual([]);
  const intent = resolveIntent(makeSnapshot(resources), 'r1');
  if (!intent.ok) throw new Error('no router');
  return intent.value.policy;
}
