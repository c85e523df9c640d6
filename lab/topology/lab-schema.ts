/**
 * The shape of a lab file, as a schema: what each field is and what it means.
 *
 * Invariant: strict; a field that is not here is an error, so that a typing mistake never silently means nothing.
 */
import { z } from 'zod';
import { parseAddress } from '../../src/net/address.ts';
import { parseCidr } from '../../src/net/prefix.ts';

const name = z
  .string()
  .regex(/^[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?$/, 'lower-case letters, digits and dashes, at most 32');
/** IFNAMSIZ leaves 15 characters; no `/`, no spaces. */
const interfaceName = z.string().regex(/^[A-Za-z0-9_.-]{1,15}$/, 'an interface name has 1 to 15 of A-Z a-z 0-9 _ . -');
const cidr = z
  .string()
  .refine((text) => parseCidr(text) !== undefined, 'an address with its length, such as 10.1.0.1/24');
const address = z.string().refine((text) => parseAddress(text) !== undefined, 'a bare address, such as 10.1.0.1');
const port = z.number().int().min(1).max(65535);
/** `NAME/KEY`, as a secretRef names them. */
const secret = z.string().regex(/^[a-z0-9][a-z0-9-]{0,62}\/[a-z0-9][a-z0-9.-]{0,62}$/, 'NAME/KEY, such as vpn-1/psk');

/** Real listeners on the node: each answers with what it was sent. */
const services = z.strictObject({ tcp: z.array(port).default([]), udp: z.array(port).default([]) });

const nodeFields = {
  services: services.default({ tcp: [], udp: [] }),
  /** Next hops of the node's default routes, one per family at most. */
  gateways: z.array(address).default([]),
};

const node = z.discriminatedUnion('type', [
  /** A Linux machine run by `causeway agent --router NODE`. */
  z.strictObject({
    type: z.literal('router'),
    /** Folder of the resources of its own store, where another team runs it; the lab's unless said. */
    resources: z.string().optional(),
    ...nodeFields,
  }),
  /** A router of another make: FRR, configured by hand. */
  z.strictObject({ type: z.literal('frr'), config: z.string(), ...nodeFields }),
  /** A router of another make: BIRD, configured by hand. */
  z.strictObject({ type: z.literal('bird-router'), config: z.string(), ...nodeFields }),
  /**
   * One end of an IPsec tunnel that a cloud offers: strongSwan with a namespace, addresses and ports of its own. What comes out
   * of the tunnel comes out at another node.
   */
  z.strictObject({
    type: z.literal('tunnel-endpoint'),
    /** swanctl.conf without its secrets. */
    config: z.string(),
    /** One of the lab's secrets. */
    psk: secret,
    device: z.strictObject({ on: name, interface: interfaceName, addresses: z.array(cidr).default([]) }),
    ...nodeFields,
  }),
  /** A cluster node that runs BIRD the way Calico does, from the Calico resources of its cluster. */
  z.strictObject({
    type: z.literal('bird'),
    /** Folder or file with the cluster's own Node, IPPool, BGPPeer and BGPConfiguration. */
    resources: z.string(),
    /** IPAM blocks that belong to this node. */
    blocks: z.array(cidr),
    /** BFD with every router it peers with (not of its mesh), in milliseconds; Calico's own resources have no word for it. */
    bfd: z.strictObject({ minInterval: z.number().int().min(10), multiplier: z.number().int().min(1) }).optional(),
    ...nodeFields,
  }),
  z.strictObject({ type: z.literal('host'), ...nodeFields }),
  /** A workload: joined to its node as Calico joins pods, by a veth pair and host routes. */
  z.strictObject({ type: z.literal('pod'), on: name, addresses: z.array(cidr).min(1), ...nodeFields }),
  /** A VPC's subnet, or a switch. */
  z.strictObject({ type: z.literal('bridge') }),
]);

/** IEEE 802.1Q: what has this tag on the wire is this interface's. */
const vlan = z.strictObject({
  id: z.number().int().min(1).max(4094),
  interface: interfaceName,
  addresses: z.array(cidr).default([]),
});

const linkEnd = z.strictObject({
  interface: interfaceName,
  addresses: z.array(cidr).default([]),
  vlans: z.array(vlan).default([]),
});

const expect = z.enum(['allow', 'deny']);

/** `tcp/5432`, `udp/514`. */
const protocolPort = z.string().regex(/^(tcp|udp)\/[1-9][0-9]{0,4}$/, 'tcp/PORT or udp/PORT');

const packetCheck = z.strictObject({
  from: name,
  to: name,
  port: protocolPort,
  expect,
  /** What this row shows, in a few words. */
  why: z.string().default(''),
});

const routeCheck = z.strictObject({
  on: name,
  prefix: cidr,
  /** Nodes the kernel's next hops must belong to, all of them and no other; an empty list: there must be no route. */
  via: z.array(name),
  /** Devices they must be on, where a node is reached by several. */
  by: z.array(interfaceName).optional(),
  why: z.string().default(''),
});

const pathCheck = z.strictObject({
  from: name,
  to: name,
  port: protocolPort,
  /** Routers that must forward the probe, and its answer; no other may see either. */
  through: z.array(name).min(1),
});

const failure = z.strictObject({
  /** A router that dies at once, and stays dead … */
  kill: name.optional(),
  /** … or a link that is cut at this end, and mended when traffic has found another way. */
  cut: z.strictObject({ node: name, interface: interfaceName }).optional(),
  /** Kept up all the while: what is lost of them is the measure. */
  streams: z.array(z.strictObject({ from: name, to: name, port: protocolPort })).min(1),
  /** Routes that must hold afterwards. */
  routes: z.array(routeCheck).default([]),
});

export const labSchema = z.strictObject({
  apiVersion: z.literal('causeway.dev/v1'),
  kind: z.literal('Lab'),
  metadata: z.strictObject({ name }),
  spec: z.strictObject({
    /** Folder of the routers' resources, applied to the store that all of them share but those that say another. */
    resources: z.string(),
    /** Made up anew whenever the lab comes up, and given to all nodes that name them. */
    secrets: z.array(secret).default([]),
    nodes: z.record(name, node),
    links: z.array(z.record(name, linkEnd)),
    /** Devices that are the two ends of one tunnel, which the nodes make themselves: for checks to know who is behind which. */
    tunnels: z.array(z.record(name, interfaceName)).default([]),
    checks: z.strictObject({
      /** By node: how many BGP sessions it must have, all of them established. */
      sessions: z.record(name, z.number().int().min(0)).default({}),
      routes: z.array(routeCheck).default([]),
      packets: z.array(packetCheck).default([]),
      paths: z.array(pathCheck).default([]),
    }),
    /** What happens to it, one after the other. */
    failover: z.array(failure).default([]),
  }),
});

export type LabSpec = z.infer<typeof labSchema>['spec'];
export type NodeSpec = z.infer<typeof node>;
export type NodeOf<T extends NodeSpec['type']> = Extract<NodeSpec, { type: T }>;
export type LinkEnd = z.infer<typeof linkEnd>;
export type PacketCheck = z.infer<typeof packetCheck>;
export type PathCheck = z.infer<typeof pathCheck>;
export type Failure = z.infer<typeof failure>;
export type RouteCheck = z.infer<typeof routeCheck>;
