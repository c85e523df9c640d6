/** WorkloadEndpoint: a pod somewhere; for a router a source of addresses and labels (semantics §1.9). */
import { cidrOrAddress, hostCidr, interfaceName, ip, mac, name, opaqueText } from './fields.ts';
import { type EndpointPort, endpointPortFields } from './host-endpoint.ts';
import { integer, isRecord, list, object, omitEmpty, optional, type Parser, wrongType } from './schema.ts';

export interface WorkloadEndpointSpec {
  readonly orchestrator?: string;
  readonly workload?: string;
  readonly node?: string;
  readonly containerID?: string;
  readonly pod?: string;
  readonly endpoint?: string;
  readonly serviceAccountName?: string;
  /** Host prefixes only (/32, /128). */
  readonly ipNetworks?: readonly string[];
  readonly ipNATs?: readonly { readonly internalIP?: string; readonly externalIP?: string }[];
  readonly ipv4Gateway?: string;
  readonly ipv6Gateway?: string;
  readonly profiles?: readonly string[];
  readonly interfaceName?: string;
  readonly mac?: string;
  readonly ports?: readonly (EndpointPort & { readonly hostPort?: number; readonly hostIP?: string })[];
  readonly allowSpoofedSourcePrefixes?: readonly string[];
  readonly qosControls?: Readonly<Record<string, unknown>>;
}

const anyObject: Parser<Readonly<Record<string, unknown>>> = (value, at) =>
  isRecord(value) ? value : wrongType(at, value, 'an object');

type WorkloadPort = NonNullable<WorkloadEndpointSpec['ports']>[number];

export const workloadEndpointSchema = object<WorkloadEndpointSpec>({
  orchestrator: omitEmpty(opaqueText),
  workload: omitEmpty(opaqueText),
  node: omitEmpty(name),
  containerID: omitEmpty(opaqueText),
  pod: omitEmpty(opaqueText),
  endpoint: omitEmpty(opaqueText),
  serviceAccountName: omitEmpty(name),
  ipNetworks: omitEmpty(list(hostCidr)),
  ipNATs: omitEmpty(
    list(
      object<NonNullable<WorkloadEndpointSpec['ipNATs']>[number]>({
        internalIP: omitEmpty(ip()),
        externalIP: omitEmpty(ip()),
      }),
    ),
  ),
  ipv4Gateway: omitEmpty(ip(4)),
  ipv6Gateway: omitEmpty(ip(6)),
  profiles: omitEmpty(list(name)),
  interfaceName: omitEmpty(interfaceName),
  mac: omitEmpty(mac),
  ports: omitEmpty(
    list(
      object<WorkloadPort>({
        ...endpointPortFields,
        // A port that only maps a host port has no name.
        name: { ...endpointPortFields.name, presence: 'omit-empty', fallback: '' },
        hostPort: omitEmpty(integer(1, 65535)),
        hostIP: omitEmpty(ip()),
      }),
    ),
  ),
  allowSpoofedSourcePrefixes: omitEmpty(list(cidrOrAddress())),
  qosControls: optional(anyObject),
});
