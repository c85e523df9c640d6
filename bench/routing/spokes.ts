/**
 * A hub with many spokes, as resources for our router, as configuration by hand for BIRD, and as one BIRD that plays all spokes.
 *
 *   SpokeSize → [spokes] → resources, bird.conf by hand (guarded, bare), bird.conf of the spokes
 *
 * Invariant: every hub lets in what lies inside a spoke's own prefix and tells it nothing; ours and the guarded one refuse and
 * remember the same besides, the bare one knows nothing but the prefixes.
 */
import type { Family } from '../../src/net/address.ts';
import { causewayApiVersion } from '../../src/resources/kinds.ts';
import type { AnyResource, Resource } from '../../src/resources/resource.ts';
import { routerName } from '../policy-resources.ts';

export interface SpokeSize {
  /** Of sessions and routes. */
  readonly family: Family;
  readonly spokes: number;
  /** Spokes learn each other's routes. */
  readonly isOpen?: boolean;
  /** At most 512: the /24s of a /15, the /41s of a /32. */
  readonly prefixesPerSpoke: number;
}

const routerId = '172.31.0.1';
export const linkName = 'link0';
const hubAs = 64_520;
/** Private four-byte AS numbers (RFC 6996). */
const spokeAs = (spoke: number): number => 4_200_000_000 + spoke;

/**
 * Both ends of a spoke's link, a /31 (RFC 3021) or /127 (RFC 6164) of its own: BIRD lets one session at a time have a neighbour's
 * address, so that the one that plays all spokes needs as many addresses of the hub.
 */
export function spokeLink(family: Family, spoke: number): { readonly hub: string; readonly spoke: string } {
  const at = (host: number) => (family === 4 ? `172.16.${host >> 8}.${host & 255}` : `fd00:16::${host.toString(16)}`);
  return { hub: at(2 * spoke), spoke: at(2 * spoke + 1) };
}

export const linkLength = (family: Family): number => (family === 4 ? 31 : 127);

function sitePrefix(family: Family, spoke: number): string {
  if (family === 6) return `${ipv6Block(spoke)}::/32`;
  return `${20 + Math.floor(spoke / 128)}.${(spoke % 128) * 2}.0.0/15`;
}

function routesOf({ family, prefixesPerSpoke }: SpokeSize, spoke: number): string[] {
  const first = 20 + Math.floor(spoke / 128);
  const second = (spoke % 128) * 2;
  return Array.from({ length: prefixesPerSpoke }, (_, route) =>
    family === 4
      ? `${first}.${second + (route >> 8)}.${route & 255}.0/24`
      : `${ipv6Block(spoke)}:${(route << 7).toString(16)}::/41`,
  );
}

/** Of a /20 that registries have given out, so that no list of bogons has it. */
const ipv6Block = (spoke: number): string => `2600:${(0x1000 + spoke).toString(16)}`;

export function describeSpokes({ family, spokes, isOpen = false }: SpokeSize): AnyResource[] {
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
    spec: { isolated: !isOpen },
  };
  const joined = Array.from({ length: spokes }, (_, spoke): AnyResource[] => {
    const name = `spoke-${spoke}`;
    const site: Resource<'Site'> = {
      apiVersion: causewayApiVersion,
      kind: 'Site',
      metadata: { name },
      spec: { type: 'vpc', prefixes: [sitePrefix(family, spoke)], segment: 'spokes' },
    };
    const attachment: Resource<'Attachment'> = {
      apiVersion: causewayApiVersion,
      kind: 'Attachment',
      metadata: { name },
      spec: {
        router: routerName,
        site: name,
        link: { interface: { name: linkName } },
        addresses: {
          local: [`${spokeLink(family, spoke).hub}/${linkLength(family)}`],
          remote: [spokeLink(family, spoke).spoke],
        },
        bgp: { asNumber: spokeAs(spoke), bfd: 'off' },
      },
    };
    return [site, attachment];
  });
  return [router, segment, ...joined.flat()];
}

/** What one would write by hand at the least: a prefix set for each peer. */
export function writeBareHub({ family, spokes }: SpokeSize): string {
  const sessions = Array.from(
    { length: spokes },
    (_, spoke) => `filter in_${spoke} { if net ~ [ ${sitePrefix(family, spoke)}+ ] then accept; reject; }
${writeSession(family, spoke, 'import keep filtered on;', 'export none;')}`,
  );
  return `${handHead(family, '')}${sessions.join('')}`;
}

/**
 * By hand, with the guards that ours has: bogons and the hub's own prefixes, length and first AS of the path, the default route, a
 * mark of where a route came from by which none goes back, graceful shutdown (RFC 8326), and filters that run again without asking
 * the peer.
 */
export function writeGuardedHub({ family, spokes }: SpokeSize): string {
  const mark = (spoke: number) => `(${hubAs}, 1, ${spoke})`;
  const sessions = Array.from(
    { length: spokes },
    (_, spoke) => `filter in_${spoke} {
  if !guarded() then reject;
  if !(net ~ [ ${sitePrefix(family, spoke)}+ ]) then { bgp_large_community.add((${hubAs}, 1001, 0)); reject; }
  if bgp_path.first != ${spokeAs(spoke)} then { bgp_large_community.add((${hubAs}, 1008, 0)); reject; }
  bgp_large_community.add(${mark(spoke)});
  if (65535, 0) ~ bgp_community then bgp_local_pref = 0;
  accept;
}
filter out_${spoke} {
  if ${mark(spoke)} ~ bgp_large_community then reject;
  reject;
}
${writeSession(family, spoke, 'import keep filtered on; import table on;', `export filter out_${spoke}; next hop self;`)}`,
  );
  return `${handHead(family, 'graceful restart on;')}define BOGONS = [ ${bogons[family]} ];
define OWN = [ ${ownPrefixes[family]} ];
function guarded() {
  if bgp_large_community ~ [(${hubAs}, 1000..1099, *)] then bgp_large_community.delete([(${hubAs}, 1000..1099, *)]);
  if bgp_large_community ~ [(${hubAs}, 1, *)] then { bgp_large_community.add((${hubAs}, 1006, 0)); return false; }
  if net = ${family === 4 ? '0.0.0.0/0' : '::/0'} then { bgp_large_community.add((${hubAs}, 1007, 0)); return false; }
  if net ~ BOGONS then { bgp_large_community.add((${hubAs}, 1003, 0)); return false; }
  if net ~ OWN then { bgp_large_community.add((${hubAs}, 1004, 0)); return false; }
  if bgp_path.len > 64 then { bgp_large_community.add((${hubAs}, 1005, 0)); return false; }
  return true;
}
${sessions.join('')}`;
}

/** RFC 6890, as one lists them. */
const bogons: Readonly<Record<Family, string>> = {
  4:
    '0.0.0.0/8+, 10.0.0.0/8+, 100.64.0.0/10+, 127.0.0.0/8+, 169.254.0.0/16+, 172.16.0.0/12+, 192.0.0.0/24+, 192.0.2.0/24+, ' +
    '192.168.0.0/16+, 198.18.0.0/15+, 198.51.100.0/24+, 203.0.113.0/24+, 224.0.0.0/3+',
  6: '::/8+, 64:ff9b:1::/48+, 100::/64+, 2001::/23+, 2001:db8::/32+, 2002::/16+, fc00::/7+, fe80::/10+, ff00::/8+',
};
const ownPrefixes: Readonly<Record<Family, string>> = { 4: '172.16.0.0/16+', 6: 'fd00:16::/64+' };

function handHead(family: Family, extra: string): string {
  return `log stderr all;
router id ${routerId};
protocol device { scan time 10; }
protocol direct { ipv4; ipv6; }
protocol kernel { persist; metric 179; merge paths on; scan time 10; ipv${family} { import none; export where source = RTS_BGP; }; }
template bgp peer { direct; connect delay time 1; connect retry time 5; error wait time 1, 30; ${extra} }
`;
}

function writeSession(family: Family, spoke: number, importOptions: string, exportOptions: string): string {
  return `protocol bgp s${spoke} from peer {
  local ${spokeLink(family, spoke).hub} as ${hubAs};
  neighbor ${spokeLink(family, spoke).spoke} as ${spokeAs(spoke)};
  ipv${family} { ${importOptions} import filter in_${spoke}; ${exportOptions} };
}
`;
}

/** The protocol of the BIRD that plays all spokes which holds the routes of the first of them. */
export const flappingSpoke = { routes: 'r0' } as const;

/** One process, a table and a session for each spoke. */
export function writeSpokes(size: SpokeSize): string {
  const { family, spokes } = size;
  const each = Array.from({ length: spokes }, (_, spoke) => {
    const routes = routesOf(size, spoke).map((prefix) => `  route ${prefix} unreachable;\n`);
    return `ipv${family} table t${spoke};
protocol static r${spoke} {
  ipv${family} { table t${spoke}; };
${routes.join('')}}
protocol bgp s${spoke} {
  local ${spokeLink(family, spoke).spoke} as ${spokeAs(spoke)};
  neighbor ${spokeLink(family, spoke).hub} as ${hubAs};
  direct;
  connect delay time 1;
  connect retry time 1;
  error wait time 1, 1;
  ipv${family} { table t${spoke}; import none; export where source = RTS_STATIC; next hop self; };
}
`;
  });
  return `log stderr { fatal, bug };\nrouter id 172.16.255.254;\nprotocol device {}\n${each.join('')}`;
}
