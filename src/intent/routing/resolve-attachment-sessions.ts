/**
 * BGP sessions that Attachments and the redundancy group ask for.
 *
 *   Topology → [resolve-attachment-sessions] → SessionIntent[]
 *
 * Invariant: every such session has an import and an export bound, so that no filter a user writes can let through what
 * the Site does not own or may not learn.
 */
import { type Address, equalAddresses, type Family, families, parseAddress } from '../../net/address.ts';
import { type Asn, parseAsn } from '../../net/asn.ts';
import { containsAddress, type InterfaceAddress, maskAddress } from '../../net/prefix.ts';
import type { AttachmentBgp, PrefixLimit } from '../../resources/attachment.ts';
import { parseDurationMs, parseDurationSeconds } from '../../resources/duration.ts';
import type { Warning } from '../router-intent.ts';
import type { AttachmentFacts, GroupMember, Topology } from '../topology/topology.ts';
import {
  admitsDefaultRoute,
  type OwnedPrefix,
  resolveExportBound,
  resolveGroupBound,
  resolveImportBound,
} from './resolve-bounds.ts';
import { bgpPort, type RoutingSettings } from './resolve-settings.ts';
import type { ExportIntent, ImportIntent, SessionIntent } from './routing-intent.ts';
import { attachmentSessionName, groupSessionName } from './session-name.ts';
import { resolveKeepalive, resolveRestart, type TimerField } from './session-timers.ts';

/** Inside: LOCAL_PREF, BIRD's default being 100. */
const localPrefs = { primary: 200, backup: 50 } as const;
/** Outside: MED (RFC 4271 §5.1.4); the lower is preferred, and a route without one counts as 0. */
const meds = { primary: 0, backup: 100 } as const;

/** One session for each remote address of each Attachment that speaks BGP. */
export function resolveAttachmentSessions(
  topology: Topology,
  settings: RoutingSettings,
  ownership: readonly OwnedPrefix[],
  warnings: Warning[],
): SessionIntent[] {
  return topology.attachments.flatMap((attachment) => {
    const bgp = attachment.resource.spec.bgp;
    if (!bgp) return [];
    warnUnsupported(attachment, bgp, warnings);
    return families.flatMap((family) =>
      attachment.remote
        .filter((remote) => remote.family === family)
        .flatMap((remote) => {
          const source = sourceFor(attachment, bgp, remote);
          if (source) {
            const name = attachmentSessionName(attachment.name, remote);
            const ends = { name, remote, source };
            return [attachmentSession(topology, settings, ownership, attachment, bgp, ends, warnings)];
          }
          warnings.push({
            code: 'no-source-address',
            subject: attachment.resource,
            path: ['spec', 'addresses', 'local'],
            message: `no session to the ${family === 4 ? 'IPv4' : 'IPv6'} peer: the link has no local address of its family`,
          });
          return [];
        }),
    );
  });
}

/** One iBGP session for each family and other Router of the group that shares a subnet with this one. */
export function resolveGroupSessions(
  topology: Topology,
  settings: RoutingSettings,
  ownership: readonly OwnedPrefix[],
  warnings: Warning[],
): SessionIntent[] {
  return topology.groupMembers.flatMap((member) => {
    const remoteAs = parseAsn(member.router.spec.asNumber);
    if (remoteAs !== settings.localAs) {
      warnings.push({
        code: 'group-as-differs',
        subject: topology.router.resource,
        path: ['spec', 'redundancyGroup'],
        message: `no session to ${member.router.metadata.name}: routers of one group have one AS`,
      });
      return [];
    }
    if (member.shared.length === 0) {
      warnings.push({
        code: 'group-without-link',
        subject: topology.router.resource,
        path: ['spec', 'redundancyGroup'],
        message: `no subnet shared with ${member.router.metadata.name}, so the two routers cannot pass routes to each other`,
      });
    }
    return families.flatMap((family) => groupSession(topology, settings, ownership, member, remoteAs, family));
  });
}

function attachmentSession(
  topology: Topology,
  settings: RoutingSettings,
  ownership: readonly OwnedPrefix[],
  attachment: AttachmentFacts,
  bgp: AttachmentBgp,
  ends: { readonly name: string; readonly remote: Address; readonly source: Address },
  warnings: Warning[],
): SessionIntent {
  const family = ends.remote.family;
  const hold = parseDurationSeconds(bgp.holdTime);
  const timer = (field: 'keepaliveTime' | 'gracefulRestart'): TimerField => {
    return { subject: attachment.resource, path: ['spec', 'bgp', field], text: bgp[field] };
  };
  const keepalive = resolveKeepalive(timer('keepaliveTime'), hold, warnings);
  return {
    name: ends.name,
    origin: attachment.resource,
    description: `Attachment/${attachment.name} to Site/${attachment.site.name}`,
    family,
    neighbor: ends.remote,
    port: bgpPort,
    remoteAs: parseAsn(bgp.asNumber) ?? (0 as Asn),
    localAs: (bgp.localASNumber === undefined ? undefined : parseAsn(bgp.localASNumber)) ?? settings.localAs,
    sourceAddress: ends.source,
    passive: bgp.passive ?? false,
    reach: reachOf(bgp),
    ttlSecurity: (bgp.ttlSecurity ?? 0) > 0,
    nextHop: bgp.nextHopSelf === false ? 'default' : 'self',
    rrClient: false,
    gracefulRestart: bgp.gracefulRestart === 'off' ? 'off' : resolveRestart(timer('gracefulRestart'), warnings),
    ...(keepalive === undefined ? {} : { keepalive }),
    ...(hold === undefined ? {} : { hold }),
    allowLocalAs: bgp.allowLocalAS ?? 0,
    ...bfdOf(bgp),
    ...(bgp.password === undefined ? {} : { password: bgp.password.secretRef }),
    enforcesFirstAs: false,
    channels: [
      {
        family,
        extendedNextHop: false,
        import: importOf(ownership, attachment, bgp, family),
        export: exportOf(topology, ownership, attachment, bgp, family),
      },
    ],
  };
}

function importOf(
  ownership: readonly OwnedPrefix[],
  attachment: AttachmentFacts,
  bgp: AttachmentBgp,
  family: Family,
): ImportIntent {
  const bound = resolveImportBound(ownership, attachment.site.name, family);
  const limit = limitOf(family === 4 ? bgp.maxPrefixes?.import?.ipv4 : bgp.maxPrefixes?.import?.ipv6);
  return {
    filters: bgp.importFilters ?? [],
    bound,
    acceptsDefaultRoute: admitsDefaultRoute(bound),
    ...(bgp.preference === undefined ? {} : { localPref: localPrefs[bgp.preference] }),
    ...(limit === undefined ? {} : { limit }),
    refusesBogons: false,
    refusesOwnPrefixes: false,
    scrubsOwnCommunities: false,
    honorsGracefulShutdown: false,
    default: 'accept',
  };
}

function exportOf(
  topology: Topology,
  ownership: readonly OwnedPrefix[],
  attachment: AttachmentFacts,
  bgp: AttachmentBgp,
  family: Family,
): ExportIntent {
  const limit = limitOf(family === 4 ? bgp.maxPrefixes?.export?.ipv4 : bgp.maxPrefixes?.export?.ipv6);
  return {
    filters: bgp.exportFilters ?? [],
    bound: resolveExportBound(ownership, attachment.site.name, topology.exchangesWith, family),
    communities: [...new Set(bgp.communities ?? [])],
    ...(bgp.preference === undefined ? {} : { med: meds[bgp.preference] }),
    prepend: 0,
    ...(limit === undefined ? {} : { limit }),
    overridesAs: false,
    originatesDefault: false,
    aggregates: [],
    default: 'reject',
  };
}

function groupSession(
  topology: Topology,
  settings: RoutingSettings,
  ownership: readonly OwnedPrefix[],
  member: GroupMember,
  remoteAs: Asn,
  family: Family,
): SessionIntent[] {
  const subnet = member.shared.find((one) => one.family === family);
  if (!subnet) return [];
  const bound = resolveGroupBound(ownership, family);
  const name = member.router.metadata.name;
  return [
    {
      name: groupSessionName(name, family),
      origin: topology.router.resource,
      description: `Router/${name} of the same redundancy group`,
      family,
      neighbor: subnet.remote,
      port: bgpPort,
      remoteAs,
      localAs: settings.localAs,
      sourceAddress: subnet.local,
      passive: false,
      reach: 'direct',
      ttlSecurity: false,
      nextHop: 'self',
      rrClient: false,
      gracefulRestart: 'default',
      allowLocalAs: 0,
      enforcesFirstAs: false,
      channels: [
        {
          family,
          extendedNextHop: false,
          import: {
            filters: [],
            bound,
            acceptsDefaultRoute: admitsDefaultRoute(bound),
            refusesBogons: false,
            refusesOwnPrefixes: false,
            scrubsOwnCommunities: false,
            honorsGracefulShutdown: false,
            default: 'accept',
          },
          export: {
            filters: [],
            bound,
            communities: [],
            prepend: 0,
            overridesAs: false,
            originatesDefault: false,
            aggregates: [],
            default: 'reject',
          },
        },
      ],
    },
  ];
}

/** The address asked for, else the one whose subnet holds the peer, else the first of the family. */
function sourceFor(attachment: AttachmentFacts, bgp: AttachmentBgp, remote: Address): Address | undefined {
  const asked = bgp.sourceAddress === undefined ? undefined : parseAddress(bgp.sourceAddress);
  if (asked?.family === remote.family) return asked;
  const ofFamily = attachment.local.filter((one) => one.address.family === remote.family);
  return (ofFamily.find((one) => isOnLink(one, remote)) ?? ofFamily[0])?.address;
}

function isOnLink(local: InterfaceAddress, remote: Address): boolean {
  return containsAddress(maskAddress(local.address, local.length), remote) && !equalAddresses(local.address, remote);
}

function reachOf(bgp: AttachmentBgp): SessionIntent['reach'] {
  const hops = bgp.multihop ?? bgp.ttlSecurity ?? 1;
  return hops <= 1 ? 'direct' : { hops };
}

/** Common values where the Attachment says none; what both ends offer decides (RFC 5880 §6.8.2). */
function bfdOf(bgp: AttachmentBgp): Pick<SessionIntent, 'bfd'> {
  if (bgp.bfd === undefined || bgp.bfd === 'off') return {};
  return {
    bfd: { minInterval: Math.round(parseDurationMs(bgp.bfd.minInterval) ?? 300), multiplier: bgp.bfd.multiplier ?? 3 },
  };
}

function limitOf(limit: PrefixLimit | undefined): ImportIntent['limit'] {
  return limit && { prefixes: limit.limit, action: limit.action ?? 'warn' };
}

function warnUnsupported(attachment: AttachmentFacts, bgp: AttachmentBgp, warnings: Warning[]): void {
  const warn = (code: string, field: string, message: string): void => {
    warnings.push({ code, subject: attachment.resource, path: ['spec', 'bgp', field], message });
  };
  if (bgp.overrideAS === true) {
    warn(
      'override-as-not-yet',
      'overrideAS',
      'BIRD 2.0 cannot override AS numbers: set allowLocalAS at the peer instead',
    );
  }
  if ((bgp.aggregate ?? []).length > 0) {
    warn('aggregate-not-yet', 'aggregate', 'aggregates are not announced yet: the more specific routes are, as before');
  }
}
