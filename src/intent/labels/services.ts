/**
 * Kubernetes Services as their EndpointSlices tell them: owners of addresses that no selector finds (semantics §3.2).
 *
 *   EndpointSlice ─[serviceOwner]→ Owner → LabelIndex;  Service name ─[serviceSelector]→ Selector of its sets
 *
 * Invariant: an owner that carries `serviceKey` is in the sets that ask for it and in no other, whatever their selector
 * says of labels; no text of a selector can spell the key, since it holds a blank.
 */
import { protocolNumbers } from '../../net/ip-protocol.ts';
import { type Prefix, parseAddressOrCidr } from '../../net/prefix.ts';
import { isServing } from '../../resources/endpoint-slice.ts';
import { type Resource, resourceId } from '../../resources/resource.ts';
import type { Selector } from '../../resources/selector/selector.ts';
import { serviceOf } from '../../resources/service-slices.ts';
import type { NamedPort, Owner } from './owner.ts';

/** The label, which only owners made here carry: `namespace/name` of the Service. */
export const serviceKey = 'service of slice';

/** All ports of a Service go by this name, whatever Kubernetes calls them: a rule takes all of them. */
export const servicePort = { name: '', protocol: undefined } as const;

/** Undefined for a slice that belongs to no Service or has no address. */
export function serviceOwner(slice: Resource<'EndpointSlice'>): Owner | undefined {
  const service = serviceOf(slice);
  if (service === undefined || slice.spec.addressType === 'FQDN') return undefined;
  const prefixes = (slice.spec.endpoints ?? [])
    .filter(isServing)
    .flatMap(({ addresses }) => addresses.map(parseAddressOrCidr))
    .filter((prefix): prefix is Prefix => prefix !== undefined);
  if (prefixes.length === 0) return undefined;
  return { id: resourceId(slice), labels: new Map([[serviceKey, service]]), prefixes, ports: portsOf(slice) };
}

/** A port without a number stands for all ports, which tuples cannot say. */
function portsOf({ spec }: Resource<'EndpointSlice'>): NamedPort[] {
  return (spec.ports ?? []).flatMap(({ protocol = 'TCP', port }) =>
    port === undefined ? [] : [{ name: servicePort.name, protocol: protocolNumbers[protocol], port }],
  );
}

export function serviceSelector(service: string): Selector {
  return { kind: 'equal', key: serviceKey, value: service };
}
