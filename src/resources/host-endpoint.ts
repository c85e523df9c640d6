/** HostEndpoint: an interface of a host that policy protects (semantics §1.8). */
import { interfaceName, ip, name, portNameProblem, portProtocol } from './fields.ts';
import { integer, list, object, omitEmpty, type Parser, report, required, text } from './schema.ts';

export interface HostEndpointSpec {
  readonly node: string;
  /** A name, or `*` for every interface without an endpoint of its own. */
  readonly interfaceName?: string;
  readonly expectedIPs?: readonly string[];
  readonly profiles?: readonly string[];
  readonly ports?: readonly EndpointPort[];
}

export interface EndpointPort {
  readonly name: string;
  readonly protocol: string | number;
  readonly port: number;
}

const wildcardOrName: Parser<string> = (value, at) => (value === '*' ? value : interfaceName(value, at));

export const endpointPortFields = {
  name: required(text(portNameProblem)),
  protocol: required(portProtocol),
  port: required(integer(1, 65535)),
};

export const hostEndpointSchema = object<HostEndpointSpec>(
  {
    node: required(name),
    interfaceName: omitEmpty(wildcardOrName),
    expectedIPs: omitEmpty(list(ip(), { unique: true })),
    profiles: omitEmpty(list(name, { unique: true })),
    ports: omitEmpty(list(object<EndpointPort>(endpointPortFields))),
  },
  (_, at, has) => {
    if (has('interfaceName') || has('expectedIPs')) return;
    report(at, 'interfaceName or expectedIPs is needed, or both: they say which interface this is');
  },
);
