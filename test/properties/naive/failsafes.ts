/**
 * The ports that policy must not close, and where they count (semantics §1.15, §4.10).
 *
 *   World, packet, stage, direction, interface ─[isFailsafe]→ yes or no
 */
import { holds, readAddress } from './address.ts';
import { felix } from './felix.ts';
import type { ManifestFailsafe, NaivePacket } from './manifest.ts';
import { protocolNumber } from './rule.ts';
import { named, ofKind, type World } from './world.ts';

const calicoPorts = [179, 2379, 2380, 5473, 6443, 6666, 6667].map((port) => ({ protocol: 'TCP', port }));
type PlacedFailsafe = ManifestFailsafe & { readonly interfaces?: readonly string[] };

function failsafes(world: World, direction: 'inbound' | 'outbound'): readonly PlacedFailsafe[] {
  const router = named(world, 'Router', world.router)?.spec;
  if (direction === 'outbound') {
    const outbound = [{ protocol: 'UDP', port: 53 }, { protocol: 'UDP', port: 67 }, ...calicoPorts];
    return felix(world, 'failsafeOutboundHostPorts') ?? outbound;
  }
  const configured = felix(world, 'failsafeInboundHostPorts');
  if (!router) return configured ?? [{ protocol: 'TCP', port: 22 }, { protocol: 'UDP', port: 68 }, ...calicoPorts];
  const { interfaces, allowFrom } = router.management ?? {};
  const place = interfaces === undefined ? {} : { interfaces };
  const ssh = (allowFrom ?? [undefined]).map((net) => ({
    protocol: 'TCP',
    port: 22,
    ...place,
    ...(net === undefined ? {} : { net }),
  }));
  if (configured) return router.management ? [...configured, ...ssh] : configured;
  const peers = ofKind(world, 'Attachment').flatMap(({ spec }) =>
    spec.router === world.router && spec.bgp && named(world, 'Site', spec.site ?? '')
      ? (spec.addresses?.remote ?? [])
      : [],
  );
  return [...ssh, { protocol: 'UDP', port: 68 }, ...peers.map((net) => ({ protocol: 'TCP', port: 179, net }))];
}

export function isFailsafe(
  world: World,
  packet: NaivePacket,
  stage: string,
  direction: 'ingress' | 'egress',
  at: string,
): boolean {
  const [asked, answered] =
    direction === 'ingress' ? (['inbound', 'outbound'] as const) : (['outbound', 'inbound'] as const);
  const remote = direction === 'ingress' ? packet.source : packet.destination;
  const has = (list: readonly PlacedFailsafe[], port: number | undefined) =>
    list.some(
      (entry) =>
        protocolNumber((entry.protocol ?? 'TCP').toUpperCase()) === packet.protocol &&
        entry.port === port &&
        (entry.net === undefined || holds(entry.net, readAddress(remote))) &&
        (entry.interfaces === undefined || entry.interfaces.includes(at)),
    );
  if (has(failsafes(world, asked), packet.destinationPort)) return true;
  if (direction === 'egress' && isEcho(world, packet, remote, at, { 4: 8, 6: 128 })) return true;
  if (direction === 'ingress' && stage === 'untracked' && isEcho(world, packet, remote, at, { 4: 0, 6: 129 }))
    return true;
  return stage === 'untracked' && has(failsafes(world, answered), packet.sourcePort);
}

/** Between a router and the other end of a link, on its device: `doctor` measures links by requests of its own. */
function isEcho(
  world: World,
  packet: NaivePacket,
  remote: string,
  at: string,
  types: Readonly<Record<4 | 6, number>>,
): boolean {
  const family = packet.source.includes(':') ? 6 : 4;
  if (packet.protocol !== (family === 6 ? 58 : 1)) return false;
  if (packet.icmpType !== types[family] || packet.icmpCode !== 0) return false;
  const link = ofKind(world, 'Attachment')
    .filter(({ spec }) => spec.router === world.router && named(world, 'Site', spec.site ?? ''))
    .toSorted((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1))
    .find(({ spec }) => spec.link?.interface?.name === at);
  return (link?.spec.addresses?.remote ?? []).some((end) => holds(end, readAddress(remote)));
}
