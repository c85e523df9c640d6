/**
 * Whether a packet meets a rule as it stands in the resource (semantics §2.8, §3).
 *
 *   ManifestRule, NaivePacket, World ─[meets]→ yes or no
 */
import { holds, isIpv6, type NaiveAddress, readAddress } from './address.ts';
import type { Manifest, ManifestRule, ManifestSide, NaivePacket } from './manifest.ts';
import { selects } from './selector.ts';
import { labelsOf, ofKind, ownersOf, type World } from './world.ts';

const numbers: Readonly<Record<string, number>> = { ICMP: 1, TCP: 6, UDP: 17, ICMPv6: 58, SCTP: 132, UDPLite: 136 };
const namespaceLabel = 'projectcalico.org/namespace';

export function protocolNumber(protocol: string | number): number {
  return numbers[protocol] ?? Number(protocol);
}

export function meets(world: World, rule: ManifestRule, packet: NaivePacket): boolean {
  const { protocol } = rule;
  const family = packet.source.includes(':') ? 6 : 4;
  if (rule.ipVersion !== undefined && rule.ipVersion !== family) return false;
  if (protocol !== undefined && protocolNumber(protocol) !== packet.protocol) return false;
  if (rule.notProtocol !== undefined && protocolNumber(rule.notProtocol) === packet.protocol) return false;
  if (protocol === 'ICMP' && family === 6) return false;
  if (protocol === 'ICMPv6' && family === 4) return false;
  // Lists of one family take the rule away from the other.
  for (const side of [rule.source, rule.destination]) {
    for (const list of [side?.nets, side?.notNets]) {
      if (list && list.length > 0 && !list.some((net) => isIpv6(net) === (family === 6))) return false;
    }
  }
  if (rule.icmp?.type !== undefined && !isIcmp(rule.icmp, packet, family)) return false;
  if (rule.notICMP?.type !== undefined && isIcmp(rule.notICMP, packet, family)) return false;
  const sides = [rule.source, rule.destination];
  // Who a Service nobody knows is cannot be said: then a rule must not open anything, and deny no less.
  if (rule.action !== 'Deny' && sides.some((side) => side?.services && !isKnown(world, side.services))) return false;
  return (
    meetsSide(world, rule, rule.source ?? {}, packet, packet.source, packet.sourcePort) &&
    meetsSide(world, rule, rule.destination ?? {}, packet, packet.destination, packet.destinationPort)
  );
}

function isIcmp(wanted: NonNullable<ManifestRule['icmp']>, packet: NaivePacket, family: 4 | 6): boolean {
  if (packet.protocol !== (family === 4 ? 1 : 58)) return false;
  return packet.icmpType === wanted.type && (wanted.code === undefined || packet.icmpCode === wanted.code);
}

function meetsSide(
  world: World,
  rule: ManifestRule,
  side: ManifestSide,
  packet: NaivePacket,
  text: string,
  port: number | undefined,
): boolean {
  const address = readAddress(text);
  if (side.services && isKnown(world, side.services)) {
    const isSource = side === rule.source;
    if (!isServed(world, side.services, address, isSource ? undefined : { protocol: packet.protocol, port }))
      return false;
  }
  if (side.nets && !side.nets.some((net) => holds(net, address))) return false;
  if (side.notNets?.some((net) => holds(net, address))) return false;
  const owners = ownersOf(world, address).map((owner) => ({ owner, labels: labelsOf(world, owner) }));
  const isNot = (labels: ReadonlyMap<string, string>) =>
    side.notSelector !== undefined && selects(side.notSelector, labels);
  const isPositive = isSelective(side);
  const chosen = owners.filter(({ labels }) => selectsOwner(side, labels));
  if (isPositive && chosen.length === 0) return false;
  if (isPositive && !world.isOurs) {
    // Calico folds both into one set, owner by owner.
    if (chosen.every(({ labels }) => isNot(labels))) return false;
  } else if (owners.some(({ labels }) => isNot(labels))) return false;
  const wanted = rule.protocol === undefined ? undefined : protocolNumber(rule.protocol);
  const hasPort = (entry: string | number): boolean => {
    if (port === undefined) return false;
    const range = /^(\d+)(?::(\d+))?$/.exec(String(entry));
    if (range) return Number(range[1]) <= port && port <= Number(range[2] ?? range[1]);
    return chosen.some(
      ({ owner, labels }) =>
        (world.isOurs || !isPositive || !isNot(labels)) &&
        (owner.kind === 'HostEndpoint' || owner.kind === 'WorkloadEndpoint') &&
        owner.spec.ports?.some((given) => {
          const number = protocolNumber(given.protocol ?? 'TCP');
          const fits = number === packet.protocol && (wanted === undefined || wanted === number);
          return given.name === entry && fits && given.port === port;
        }),
    );
  };
  if (side.ports && !side.ports.some(hasPort)) return false;
  return !side.notPorts?.some(hasPort);
}

type Service = NonNullable<ManifestSide['services']>;

function slicesOf(world: World, { name, namespace }: Service): readonly Manifest[] {
  return ofKind(world, 'EndpointSlice').filter(
    ({ metadata }) => metadata.namespace === namespace && metadata.labels?.['kubernetes.io/service-name'] === name,
  );
}

function isKnown(world: World, service: Service): boolean {
  return slicesOf(world, service).length > 0;
}

/** Whether an endpoint of the Service has the address, and where it is asked for, a port of the same slice. */
function isServed(
  world: World,
  service: Service,
  address: NaiveAddress,
  asked: { readonly protocol: number; readonly port: number | undefined } | undefined,
): boolean {
  return slicesOf(world, service).some(({ spec }) => {
    const serving = (spec.endpoints ?? []).filter(
      ({ conditions }) => conditions?.ready !== false || conditions.serving === true,
    );
    const isThere = serving.some(({ addresses }) => addresses.some((text) => holds(text, address)));
    if (!isThere || asked === undefined) return isThere;
    return (spec.ports ?? []).some(
      ({ protocol, port }) => protocolNumber(protocol ?? 'TCP') === asked.protocol && port === asked.port,
    );
  });
}

function isSelective({ selector, namespaceSelector, serviceAccounts }: ManifestSide): boolean {
  return selector !== undefined || namespaceSelector !== undefined || serviceAccounts !== undefined;
}

/** The positive terms: namespaces, service accounts and the selector itself. */
function selectsOwner(side: ManifestSide, labels: ReadonlyMap<string, string>): boolean {
  const { selector, namespaceSelector, serviceAccounts } = side;
  if (namespaceSelector?.trim() === 'global()') {
    if (labels.has(namespaceLabel)) return false;
  } else if (namespaceSelector !== undefined) {
    if (!selects(namespaceSelector, labels, { prefix: 'pcns.', allKey: namespaceLabel })) return false;
  }
  if (serviceAccounts?.names && !serviceAccounts.names.includes(labels.get('projectcalico.org/serviceaccount') ?? ''))
    return false;
  if (serviceAccounts?.selector && !selects(serviceAccounts.selector, labels, { prefix: 'pcsa.' })) return false;
  return selector === undefined || selects(selector, labels);
}
