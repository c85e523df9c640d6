/**
 * What Calico makes of a cluster's BGP resources on one node, as a BIRD 2 configuration.
 *
 *   Node, IPPool, BGPPeer ─[readCluster]→ Cluster ─[renderCalicoBird]→ text
 *
 * Narrow on purpose: the full mesh, global BGPPeers by address, pools without encapsulation; anything else in the folder
 * is an error, so that an example never shows a setting that nothing acts on. Follows Calico's documented behaviour:
 * always multihop, graceful restart, own blocks as blackholes, and an export policy that passes on what lies in a pool.
 */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { parseAllDocuments } from 'yaml';
import { z } from 'zod';
import { LabFailure } from '../sandbox/run.ts';

const metadata = z.object({ name: z.string() });
const asNumber = z.number().int();

const resource = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('Node'),
    metadata,
    spec: z.strictObject({
      bgp: z.strictObject({ asNumber, ipv4Address: z.string(), ipv6Address: z.string() }),
    }),
  }),
  z.object({
    kind: z.literal('IPPool'),
    metadata,
    spec: z.strictObject({
      cidr: z.string(),
      blockSize: z.number().optional(),
      ipipMode: z.literal('Never').optional(),
      vxlanMode: z.literal('Never').optional(),
      natOutgoing: z.literal(false).optional(),
      nodeSelector: z.literal('all()').optional(),
    }),
  }),
  z.object({
    kind: z.literal('BGPPeer'),
    metadata,
    spec: z.strictObject({
      peerIP: z.string(),
      asNumber,
      keepaliveTime: z
        .string()
        .regex(/^[0-9]+s$/)
        .optional(),
    }),
  }),
  z.object({
    kind: z.literal('BGPConfiguration'),
    metadata: z.object({ name: z.literal('default') }),
    spec: z.strictObject({
      nodeToNodeMeshEnabled: z.literal(true),
      asNumber,
      logSeverityScreen: z.string().optional(),
    }),
  }),
]);

type ClusterResource = z.infer<typeof resource>;
export type Cluster = readonly ClusterResource[];
type ClusterNode = Extract<ClusterResource, { kind: 'Node' }>;

/** Reads a cluster's resources from a file or from the YAML files of a folder. */
export function readCluster(path: string): Cluster {
  const files = statSync(path).isDirectory()
    ? readdirSync(path)
        .filter((file) => file.endsWith('.yaml'))
        .sort()
        .map((file) => join(path, file))
    : [path];
  return files.flatMap((file) =>
    parseAllDocuments(readFileSync(file, 'utf8')).flatMap((document) => {
      const value: unknown = document.toJS();
      if (value === null) return [];
      const parsed = resource.safeParse(value);
      if (parsed.success) return [parsed.data];
      throw new LabFailure(`${file}: the lab's cluster nodes cannot act on this: ${z.prettifyError(parsed.error)}`);
    }),
  );
}

/** Milliseconds between control packets (RFC 5880), and how many may be missing. */
export interface BfdTimers {
  readonly minInterval: number;
  readonly multiplier: number;
}

/** The configuration of one node. `blocks` are the IPAM blocks that belong to it. */
export function renderCalicoBird(
  cluster: Cluster,
  nodeName: string,
  blocks: readonly string[],
  bfd?: BfdTimers,
): string {
  const nodes = cluster.filter((r): r is ClusterNode => r.kind === 'Node');
  const own = nodes.find((node) => node.metadata.name === nodeName);
  if (!own) throw new LabFailure(`there is no Node ${nodeName} among its cluster's resources`);
  const pools = cluster.flatMap((r) => (r.kind === 'IPPool' ? [r.spec.cidr] : []));
  const local = [own.spec.bgp.ipv4Address, own.spec.bgp.ipv6Address].map(bare);
  const localFor = (peer: string): string => local.find((address) => isV6(address) === isV6(peer)) ?? '';

  const mesh = nodes
    .filter((node) => node !== own)
    .flatMap((node) =>
      [node.spec.bgp.ipv4Address, node.spec.bgp.ipv6Address].map(bare).map((peer) =>
        renderSession({
          name: `Mesh_${symbol(peer)}`,
          peer,
          as: node.spec.bgp.asNumber,
          source: localFor(peer),
          // The side whose address compares lower as text waits for the other.
          extra: localFor(peer) < peer ? ['passive on;'] : [],
        }),
      ),
    );
  const peers = cluster.flatMap((r) =>
    r.kind === 'BGPPeer'
      ? [
          renderSession({
            name: `Global_${symbol(r.spec.peerIP)}`,
            peer: r.spec.peerIP,
            as: r.spec.asNumber,
            source: localFor(r.spec.peerIP),
            extra: [
              ...(r.spec.keepaliveTime ? [`keepalive time ${r.spec.keepaliveTime.replace('s', '')};`] : []),
              // Single-hop BFD (RFC 5881) takes a session that is known to be on the link, and a dead peer to be forgotten.
              ...(bfd ? ['direct;', 'bfd on;', 'graceful restart aware;'] : []),
            ],
          }),
        ]
      : [],
  );
  return [
    renderHead(bare(own.spec.bgp.ipv4Address), own.spec.bgp.asNumber),
    ...(bfd ? [renderBfd(bfd)] : []),
    ...([4, 6] as const).map((family) =>
      renderFamily(
        family,
        pools.filter((pool) => isV6(pool) === (family === 6)),
        blocks.filter((block) => isV6(block) === (family === 6)),
      ),
    ),
    ...mesh,
    ...peers,
  ].join('\n');
}

function renderHead(routerId: string, as: number): string {
  return `log stderr all;
router id ${routerId};

protocol device { scan time 2; }
protocol direct { ipv4; ipv6; interface -"cali*", -"kube-ipvs*", "*"; }

template bgp calico {
  local as ${as};
  multihop;
  ttl security off;
  graceful restart;
  connect delay time 1;
  connect retry time 1;
  error wait time 1, 5;
}
`;
}

function renderBfd({ minInterval, multiplier }: BfdTimers): string {
  return `protocol bfd { interface "*" { interval ${minInterval} ms; multiplier ${multiplier}; }; }\n`;
}

function renderFamily(family: 4 | 6, pools: readonly string[], blocks: readonly string[]): string {
  const exact = blocks.map((block) => `  if net = ${block} then accept;\n  if net ~ [ ${block}+ ] then reject;\n`);
  const inPool = pools.map((pool) => `  if net ~ [ ${pool}+ ] then accept;\n`);
  return `protocol static blocks${family} {
  ipv${family};
${blocks.map((block) => `  route ${block} blackhole;\n`).join('')}}
filter export_pools${family} {
${[...exact, ...inPool].join('')}  reject;
}
protocol kernel kernel${family} {
  learn;
  persist;
  scan time 2;
  merge paths on;
  ipv${family} { import all; export all; };
}
`;
}

interface Session {
  readonly name: string;
  readonly peer: string;
  readonly as: number;
  readonly source: string;
  readonly extra: readonly string[];
}

function renderSession({ name, peer, as, source, extra }: Session): string {
  const family = isV6(peer) ? 6 : 4;
  return `protocol bgp ${name} from calico {
  neighbor ${peer} as ${as};
  source address ${source};
${extra.map((line) => `  ${line}\n`).join('')}  ipv${family} { import all; export filter export_pools${family}; gateway recursive; add paths on; };
}
`;
}

const bare = (cidr: string): string => cidr.replace(/\/.*$/, '');
const isV6 = (text: string): boolean => text.includes(':');
const symbol = (address: string): string => address.replace(/[.:]/g, '_');
