/**
 * A random packet made to meet a rule more often: the rule's protocol, a port of its list, an address of its nets or of
 * an endpoint that its named port or Service finds.
 *
 *   Manifest[], NaivePacket, number ─[aimPacket]→ NaivePacket
 *
 * Without it most packets end where no rule decides. What is aimed at is drawn, so half of the packets still just miss.
 */
import { hasPorts } from '../../src/net/ip-protocol.ts';
import type { Manifest, ManifestRule, ManifestSide, NaivePacket } from './naive/manifest.ts';
import { protocolNumber } from './naive/rule.ts';

/** `aim` picks the rule, and by its last bits what of it is met; the packet stays as it is where there is no rule. */
export function aimPacket(manifests: readonly Manifest[], packet: NaivePacket, aim: number): NaivePacket {
  const rules = manifests.flatMap(({ kind, spec }) => {
    return kind === 'GlobalNetworkPolicy' || kind === 'Profile'
      ? [...(spec.ingress ?? []), ...(spec.egress ?? [])]
      : [];
  });
  const rule = rules[Math.floor(aim / 4) % Math.max(rules.length, 1)];
  if (!rule || aim % 4 === 0) return packet;
  const family = familyOf(rule) ?? (packet.source.includes(':') ? 6 : 4);
  const source = endOf(manifests, rule.source ?? {}, family, aim);
  const destination = endOf(manifests, rule.destination ?? {}, family, aim);
  const isOfFamily = packet.source.includes(':') === (family === 6);
  const protocol = numberOf(rule, source, destination) ?? packet.protocol;
  const anyHost = family === 4 ? '10.0.0.3' : '2001:db8::3';
  const sentTo = isOfFamily && packet.sentTo ? { sentTo: packet.sentTo } : {};
  const ends = {
    source: source.address ?? (isOfFamily ? packet.source : anyHost),
    destination: destination.address ?? (isOfFamily ? packet.destination : anyHost),
    protocol,
    ct: packet.ct,
  };
  if (hasPorts(protocol)) {
    const sourcePort = source.port ?? packet.sourcePort ?? 80;
    const destinationPort = destination.port ?? packet.destinationPort ?? 80;
    const sent = sentTo.sentTo && { sentTo: { destinationPort, ...sentTo.sentTo } };
    return { ...ends, sourcePort, destinationPort, ...sent };
  }
  const sent = sentTo.sentTo && { sentTo: { destination: sentTo.sentTo.destination } };
  if (protocol !== (family === 4 ? 1 : 58)) return { ...ends, ...sent };
  const { type, code } = rule.icmp ?? rule.notICMP ?? {};
  return { ...ends, ...sent, icmpType: type ?? packet.icmpType ?? 8, icmpCode: code ?? packet.icmpCode ?? 0 };
}

interface End {
  readonly address?: string;
  readonly port?: number;
  readonly protocol?: string | number;
}

function numberOf({ protocol }: ManifestRule, ...ends: readonly End[]): number | undefined {
  const wanted = protocol ?? ends.map((end) => end.protocol).find((named) => named !== undefined);
  return wanted === undefined ? undefined : protocolNumber(wanted);
}

function familyOf({ ipVersion, protocol, source, destination }: ManifestRule): 4 | 6 | undefined {
  if (ipVersion === 4 || ipVersion === 6) return ipVersion;
  if (protocol === 'ICMP') return 4;
  if (protocol === 'ICMPv6') return 6;
  const [net] = [source, destination].flatMap((side) => [...(side?.nets ?? []), ...(side?.notNets ?? [])]);
  return net === undefined ? undefined : net.includes(':') ? 6 : 4;
}

function endOf(manifests: readonly Manifest[], side: ManifestSide, family: 4 | 6, aim: number): End {
  const { services, nets } = side;
  const isOfFamily = (text: string): boolean => text.includes(':') === (family === 6);
  const pick = <T>(list: readonly T[]): T | undefined => list[aim % Math.max(list.length, 1)];
  if (services) {
    const slices = manifests.filter(({ kind, metadata }) => {
      const name = metadata.labels?.['kubernetes.io/service-name'];
      return kind === 'EndpointSlice' && name === services.name && metadata.namespace === services.namespace;
    });
    const slice = pick(slices.filter(({ spec }) => spec.addressType === `IPv${family}`));
    const address = pick(slice?.spec.endpoints?.flatMap(({ addresses }) => addresses) ?? []);
    const port = pick(slice?.spec.ports ?? []);
    return { ...(address && { address }), ...(port && { port: port.port, protocol: port.protocol ?? 'TCP' }) };
  }
  const wanted = pick(side.ports ?? side.notPorts ?? []);
  const isNumber = /^\d/.test(String(wanted));
  if (wanted !== undefined && !isNumber) {
    const owners = manifests.flatMap(({ spec }) => {
      const addresses = [...(spec.expectedIPs ?? []), ...(spec.ipNetworks ?? [])].map((text) =>
        text.replace(/\/.*/, ''),
      );
      const ports = (spec.ports ?? []).filter(({ name }) => name === wanted);
      return addresses.filter(isOfFamily).flatMap((address) => ports.map((port) => ({ address, port })));
    });
    const owner = pick(owners);
    if (owner) return { address: owner.address, port: owner.port.port, protocol: owner.port.protocol ?? 'TCP' };
  }
  const net = pick((nets ?? []).filter((text) => isOfFamily(text) && !text.endsWith('/0')));
  return {
    ...(net !== undefined && !/^(8000|128)/.test(net) && { address: net.replace(/\/.*/, '').replace(/::$/, '::1') }),
    ...(isNumber && { port: Number(/\d+$/.exec(String(wanted))?.[0]) }),
  };
}
