/**
 * A hub with many spokes, as resources for our router, as configuration for a bare BIRD, and as one BIRD that plays all spokes.
 *
 *   SpokeSize → [spokes] → resources, bird.conf by hand, bird.conf of the spokes
 *
 * Invariant: both hubs refuse the same: each spoke may announce what lies inside its own prefix, and learns nothing.
 */
import { causewayApiVersion } from '../../src/resources/kinds.ts';
import type { AnyResource, Resource } from '../../src/resources/resource.ts';
import { routerName } from '../policy-resources.ts';

export interface SpokeSize {
  readonly spokes: number;
  /** At most 512: the /24s of a /15. */
  readonly prefixesPerSpoke: number;
}

const routerId = '172.31.0.1';
export const linkName = 'link0';
const hubAs = 64_520;
/** Private four-byte AS numbers (RFC 6996). */
const spokeAs = (spoke: number): number => 4_200_000_000 + spoke;

/**
 * Both ends of a spoke's link, a /31 (RFC 3021) of its own: BIRD lets one session at a time have a neighbour's address, so that the
 * one that plays all spokes needs as many addresses of the hub.
 */
export function spokeLink(spoke: number): { readonly hub: string; readonly spoke: string } {
  const at = (host: number) => `172.16.${host >> 8}.${host & 255}`;
  return { hub: at(2 * spoke), spoke: at(2 * spoke + 1) };
}

const sitePrefix = (spoke: number): string => `${20 + Math.floor(spoke / 128)}.${(spoke % 128) * 2}.0.0/15`;

function routesOf(spoke: number, count: number): string[] {
  const first = 20 + Math.floor(spoke / 128);
  const second = (spoke % 128) * 2;
  return Array.from({ length: count }, (_, route) => `${first}.${second + (route >> 8)}.${route & 255}.0/24`);
}

export function describeSpokes({ spokes }: SpokeSize): AnyResource[] {
  const router: Resource<'Router'> = {
    apiVersion: causewayApiVersion,
    kind: 'Router',
    metadata: { name: routerName },
    spec: { asNumber: hubAs, routerID: routerId, interfaces: [{ name: linkName }] },
  };
  const segment: Resource<'Segment'> = {
    apiVersion: causewayApiVersion,
    kind: 'Segment',
    metadata: { name: 'spokes' },
    spec: { isolated: true },
  };
  const joined = Array.from({ length: spokes }, (_, spoke): AnyResource[] => {
    const name = `spoke-${spoke}`;
    const site: Resource<'Site'> = {
      apiVersion: causewayApiVersion,
      kind: 'Site',
      metadata: { name },
      spec: { type: 'vpc', prefixes: [sitePrefix(spoke)], segment: 'spokes' },
    };
    const attachment: Resource<'Attachment'> = {
      apiVersion: causewayApiVersion,
      kind: 'Attachment',
      metadata: { name },
      spec: {
        router: routerName,
        site: name,
        link: { interface: { name: linkName } },
        addresses: { local: [`${spokeLink(spoke).hub}/31`], remote: [spokeLink(spoke).spoke] },
        bgp: { asNumber: spokeAs(spoke), bfd: 'off' },
      },
    };
    return [site, attachment];
  });
  return [router, segment, ...joined.flat()];
}

/** What one would write by hand: a prefix set for each peer, the same timers, the same kernel protocol. */
export function writeBareHub({ spokes }: SpokeSize): string {
  const sessions = Array.from(
    { length: spokes },
    (_, spoke) => `filter in_${spoke} { if net ~ [ ${sitePrefix(spoke)}+ ] then accept; reject; }
protocol bgp s${spoke} from peer {
  local ${spokeLink(spoke).hub} as ${hubAs};
  neighbor ${spokeLink(spoke).spoke} as ${spokeAs(spoke)};
  ipv4 { import keep filtered on; import filter in_${spoke}; export none; };
}
`,
  );
  return `log stderr all;
router id ${routerId};
protocol device { scan time 10; }
protocol direct { ipv4; ipv6; }
protocol kernel { persist; metric 179; merge paths on; scan time 10; ipv4 { import none; export where source = RTS_BGP; }; }
template bgp peer { direct; connect delay time 1; connect retry time 5; error wait time 1, 30; }
${sessions.join('')}`;
}

/** One process, a table and a session for each spoke. */
export function writeSpokes({ spokes, prefixesPerSpoke }: SpokeSize): string {
  const each = Array.from({ length: spokes }, (_, spoke) => {
    const routes = routesOf(spoke, prefixesPerSpoke).map((prefix) => `  route ${prefix} unreachable;\n`);
    return `ipv4 table t${spoke};
protocol static r${spoke} {
  ipv4 { table t${spoke}; };
${routes.join('')}}
protocol bgp s${spoke} {
  local ${spokeLink(spoke).spoke} as ${spokeAs(spoke)};
  neighbor ${spokeLink(spoke).hub} as ${hubAs};
  direct;
  connect delay time 1;
  connect retry time 1;
  error wait time 1, 1;
  ipv4 { table t${spoke}; import none; export where source = RTS_STATIC; next hop self; };
}
`;
  });
  return `log stderr { fatal, bug };\nrouter id 172.16.255.254;\nprotocol device {}\n${each.join('')}`;
}
