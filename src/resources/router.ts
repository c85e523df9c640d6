/** Router: one machine that forwards. */
import {
  asNumber,
  cidrOrAddress,
  interfaceAddress,
  interfaceName,
  labelValueProblem,
  name,
  qualifiedNameProblem,
  routerId,
} from './fields.ts';
import {
  type Check,
  child,
  integer,
  list,
  object,
  omitEmpty,
  oneOf,
  optional,
  report,
  required,
  textMap,
} from './schema.ts';

export interface RouterSpec {
  readonly role?: 'edge' | 'transit';
  readonly asNumber: number | string;
  /** Dotted quad; when absent, the first IPv4 address of the interfaces. */
  readonly routerID?: string;
  readonly interfaces?: readonly RouterInterface[];
  /** Routers of one group back each other up and peer with each other over a subnet they share. */
  readonly redundancyGroup?: string;
  /** How the group's routers share the state of connections (conntrackd); not at all when absent. */
  readonly stateSync?: {
    /** A link that every router of the group has an address on, and that carries nothing else. */
    readonly interface: string;
    /** UDP; 3780 unless said. */
    readonly port?: number;
  };
  readonly forwarding?: {
    /** What happens to a forwarded packet that no policy speaks of; Deny unless said. */
    readonly defaultAction?: 'Allow' | 'Deny';
    /** All of several equal paths, where both halves of a flow are seen (Auto, unless said); or one (Off). */
    readonly multipath?: 'Auto' | 'Off';
  };
  readonly management?: {
    /** Interfaces over which the router itself may be administered: all when absent, none when empty. */
    readonly interfaces?: readonly string[];
    /** Prefixes from which it may be administered (ssh): anywhere when absent, nowhere when empty. */
    readonly allowFrom?: readonly string[];
  };
}

export interface RouterInterface {
  readonly name: string;
  /** CIDRs with host bits, as on the interface. */
  readonly addresses?: readonly string[];
  readonly labels?: Readonly<Record<string, string>>;
}

const uniqueInterfaces: Check<RouterSpec> = (value, at) => {
  const nameAt = new Map<string, number>();
  const addressAt = new Map<string, string>();
  for (const [index, entry] of (value.interfaces ?? []).entries()) {
    const first = nameAt.get(entry.name);
    if (first === undefined) nameAt.set(entry.name, index);
    else
      report(
        child(at, 'interfaces', index, 'name'),
        `interface ${entry.name} is already listed at interfaces[${first}]: merge the two`,
      );
    for (const [i, address] of (entry.addresses ?? []).entries()) {
      const owner = addressAt.get(address);
      if (owner !== undefined)
        report(
          child(at, 'interfaces', index, 'addresses', i),
          `${address} is already an address of ${owner}: an address belongs to one interface`,
        );
      else addressAt.set(address, entry.name);
    }
  }
};

export const routerSchema = object<RouterSpec>(
  {
    role: omitEmpty(oneOf('edge', 'transit')),
    asNumber: required(asNumber),
    routerID: omitEmpty(routerId()),
    interfaces: omitEmpty(
      list(
        object<RouterInterface>({
          name: required(interfaceName),
          addresses: omitEmpty(list(interfaceAddress)),
          labels: omitEmpty(textMap(qualifiedNameProblem, labelValueProblem)),
        }),
      ),
    ),
    redundancyGroup: omitEmpty(name),
    stateSync: optional(
      object<NonNullable<RouterSpec['stateSync']>>({
        interface: required(interfaceName),
        port: omitEmpty(integer(1024, 65_535)),
      }),
    ),
    forwarding: optional(
      object<NonNullable<RouterSpec['forwarding']>>({
        defaultAction: omitEmpty(oneOf('Allow', 'Deny')),
        multipath: omitEmpty(oneOf('Auto', 'Off')),
      }),
    ),
    management: optional(
      object<NonNullable<RouterSpec['management']>>({
        // An empty list is meaningful here: no ssh at all, not ssh from anywhere.
        interfaces: optional(list(interfaceName, { unique: true })),
        allowFrom: optional(list(cidrOrAddress(), { unique: true })),
      }),
    ),
  },
  uniqueInterfaces,
);
