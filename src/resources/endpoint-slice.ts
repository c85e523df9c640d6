/**
 * EndpointSlice of Kubernetes (`discovery.k8s.io/v1`): the endpoints of a Service, as far as its slices tell them.
 *
 * What a Kubernetes source gives; rules that name `services` are resolved from it. Its fields stand at the root of the
 * object, beside metadata, as Kubernetes writes them; here they are the resource's spec.
 * Invariant: the Service it belongs to is its label `kubernetes.io/service-name`, in its own namespace.
 */
import { type Address, parseAddress } from '../net/address.ts';
import { opaqueText } from './fields.ts';
import {
  boolean,
  type Check,
  child,
  integer,
  isRecord,
  list,
  object,
  omitEmpty,
  oneOf,
  optional,
  type Parser,
  report,
  required,
  showValue,
  warn,
  wrongType,
} from './schema.ts';

export interface EndpointSliceSpec {
  readonly addressType: 'IPv4' | 'IPv6' | 'FQDN';
  readonly endpoints?: readonly SliceEndpoint[];
  /** Of every endpoint of the slice. */
  readonly ports?: readonly SlicePort[];
}

export interface SliceEndpoint {
  /** Of the slice's type; they lead to one and the same endpoint. */
  readonly addresses: readonly string[];
  readonly conditions?: { readonly ready?: boolean; readonly serving?: boolean; readonly terminating?: boolean };
  readonly hostname?: string;
  readonly nodeName?: string;
  readonly zone?: string;
  readonly targetRef?: Readonly<Record<string, unknown>>;
  readonly hints?: Readonly<Record<string, unknown>>;
  readonly deprecatedTopology?: Readonly<Record<string, unknown>>;
}

export interface SlicePort {
  readonly name?: string;
  /** TCP when absent. */
  readonly protocol?: 'TCP' | 'UDP' | 'SCTP';
  /** Every port when absent. */
  readonly port?: number;
  readonly appProtocol?: string;
}

export const serviceNameLabel = 'kubernetes.io/service-name';

/** Whether traffic may be sent to it: Kubernetes says to take the unknown for ready, and drains what only serves still. */
export function isServing({ conditions = {} }: SliceEndpoint): boolean {
  return conditions.ready !== false || conditions.serving === true;
}

const anyObject: Parser<Readonly<Record<string, unknown>>> = (value, at) =>
  isRecord(value) ? value : wrongType(at, value, 'an object');

const endpoint = object<SliceEndpoint>({
  addresses: required(list(opaqueText, { min: 1, max: 100 })),
  conditions: optional(
    object<NonNullable<SliceEndpoint['conditions']>>({
      ready: optional(boolean),
      serving: optional(boolean),
      terminating: optional(boolean),
    }),
  ),
  hostname: omitEmpty(opaqueText),
  nodeName: omitEmpty(opaqueText),
  zone: omitEmpty(opaqueText),
  targetRef: optional(anyObject),
  hints: optional(anyObject),
  deprecatedTopology: optional(anyObject),
});

const port = object<SlicePort>(
  {
    name: omitEmpty(opaqueText),
    protocol: omitEmpty(oneOf('TCP', 'UDP', 'SCTP')),
    port: optional(integer(1, 65_535)),
    appProtocol: omitEmpty(opaqueText),
  },
  (_, at, has) => {
    if (!has('port'))
      warn(at, 'a port without a number is every port, which no rule can name: as a destination it is left out');
  },
);

const addressesFitType: Check<EndpointSliceSpec> = ({ addressType, endpoints = [] }, at) => {
  if (addressType === undefined) return;
  if (addressType === 'FQDN') {
    warn(child(at, 'addressType'), 'host names are no addresses: rules that name this Service find none in this slice');
    return;
  }
  const family = addressType === 'IPv4' ? 4 : 6;
  for (const [i, { addresses }] of endpoints.entries()) {
    for (const [j, text] of addresses.entries()) {
      const address: Address | undefined = parseAddress(text);
      if (address?.family === family) continue;
      report(child(at, 'endpoints', i, 'addresses', j), `${showValue(text)} is no ${addressType} address`);
    }
  }
};

export const endpointSliceSchema = object<EndpointSliceSpec>(
  {
    addressType: required(oneOf('IPv4', 'IPv6', 'FQDN')),
    endpoints: omitEmpty(list(endpoint, { max: 1000 })),
    ports: omitEmpty(list(port, { max: 100 })),
  },
  addressesFitType,
);
