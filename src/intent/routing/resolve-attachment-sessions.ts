/**
 * BGP sessions that Attachments ask for.
 *
 *   Topology.attachments, RoutingFacts → [resolve-attachment-sessions] → SessionIntent[]
 *
 * Invariant: whatever cannot be honoured is left out and warned of; what is left never lets through more than was written.
 */
import { type Address, equalAddresses, families, parseAddress } from '../../net/address.ts';
import { type Asn, parseAsn } from '../../net/asn.ts';
import { containsAddress, type InterfaceAddress, maskAddress } from '../../net/prefix.ts';
import type { AttachmentBgp } from '../../resources/attachment.ts';
import { directConnectKey } from '../../resources/attachment-profile-rules.ts';
import { parseDurationMs, parseDurationSeconds } from '../../resources/duration.ts';
import type { Warning } from '../router-intent.ts';
import type { AttachmentFacts } from '../topology/topology.ts';
import { effectiveBgp } from './attachment-profiles.ts';
import { attachmentChannels } from './resolve-attachment-channels.ts';
import { bgpPort } from './resolve-settings.ts';
import type { RoutingFacts } from './routing-facts.ts';
import type { SessionIntent } from './routing-intent.ts';
import { attachmentSessionName } from './session-name.ts';
import { defaultBfd, resolveKeepalive, resolveRestart, type TimerField } from './session-timers.ts';

/** One session for each remote address of each Attachment that speaks BGP. */
export function resolveAttachmentSessions(facts: RoutingFacts, warnings: Warning[]): SessionIntent[] {
  return facts.topology.attachments.flatMap((attachment) => {
    const bgp = effectiveBgp(attachment.resource.spec);
    if (!bgp) return [];
    warnRestartWithBfd(attachment, bgp, warnings);
    return families.flatMap((family) =>
      attachment.remote
        .filter((remote) => remote.family === family)
        .flatMap((remote) => {
          const source = sourceFor(attachment, bgp, remote);
          if (source) return [attachmentSession(facts, attachment, bgp, { remote, source }, warnings)];
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

function attachmentSession(
  facts: RoutingFacts,
  attachment: AttachmentFacts,
  bgp: AttachmentBgp,
  { remote, source }: { readonly remote: Address; readonly source: Address },
  warnings: Warning[],
): SessionIntent {
  const { family } = remote;
  const remoteAs = parseAsn(bgp.asNumber) ?? (0 as Asn);
  const localAs = (bgp.localASNumber === undefined ? undefined : parseAsn(bgp.localASNumber)) ?? facts.settings.localAs;
  const isExternal = remoteAs !== localAs;
  const hold = parseDurationSeconds(bgp.holdTime);
  const keepalive = resolveKeepalive(timerField(attachment, bgp, 'keepaliveTime'), hold, warnings);
  const bfd = bfdOf(bgp);
  const { profile } = attachment.resource.spec;
  return {
    name: attachmentSessionName(attachment.name, remote),
    origin: attachment.resource,
    description: `Attachment/${attachment.name} to Site/${attachment.site.name}`,
    family,
    neighbor: remote,
    port: bgpPort,
    remoteAs,
    localAs,
    sourceAddress: source,
    passive: bgp.passive ?? false,
    reach: reachOf(bgp),
    ttlSecurity: (bgp.ttlSecurity ?? 0) > 0,
    nextHop: bgp.nextHopSelf === false ? 'default' : 'self',
    rrClient: false,
    gracefulRestart: restartOf(attachment, bgp, warnings),
    ...(keepalive === undefined ? {} : { keepalive }),
    ...(hold === undefined ? {} : { hold }),
    allowLocalAs: bgp.allowLocalAS ?? 0,
    ...(bfd === undefined ? {} : { bfd }),
    ...(bgp.password === undefined ? {} : { password: bgp.password.secretRef }),
    ...(bgp.password && profile === 'aws-dx-private-vif' ? { shortestPassword: directConnectKey } : {}),
    ...roleOf(bgp, isExternal),
    enforcesFirstAs: isExternal && (bgp.enforceFirstAS ?? bgp.localRole !== 'rs-client'),
    channels: attachmentChannels(facts, attachment, bgp, { family, isExternal }),
  };
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

/** On the link unless switched off; over hops (RFC 5883) only where asked for, as few peers there speak it. */
function bfdOf(bgp: AttachmentBgp): SessionIntent['bfd'] {
  if (bgp.bfd === 'off') return undefined;
  if (bgp.bfd === undefined) return reachOf(bgp) === 'direct' ? defaultBfd : undefined;
  // What both ends offer decides (RFC 5880 §6.8.2).
  return {
    minInterval: Math.round(parseDurationMs(bgp.bfd.minInterval) ?? defaultBfd.minInterval),
    multiplier: bgp.bfd.multiplier ?? defaultBfd.multiplier,
  };
}

/** Off beside BFD unless asked for: one gives a dead peer's routes up at once, the other keeps them for two minutes. */
function restartOf(
  attachment: AttachmentFacts,
  bgp: AttachmentBgp,
  warnings: Warning[],
): SessionIntent['gracefulRestart'] {
  if (bgp.gracefulRestart === 'off') return 'off';
  if (bgp.gracefulRestart === undefined && bfdOf(bgp)) return 'off';
  return resolveRestart(timerField(attachment, bgp, 'gracefulRestart'), warnings);
}

function warnRestartWithBfd(attachment: AttachmentFacts, bgp: AttachmentBgp, warnings: Warning[]): void {
  if (bgp.gracefulRestart === undefined || bgp.gracefulRestart === 'off' || !bfdOf(bgp)) return;
  warnings.push({
    code: 'restart-with-bfd',
    subject: attachment.resource,
    path: ['spec', 'bgp', 'gracefulRestart'],
    message: `graceful restart and BFD ${bgp.bfd === undefined ? '(on unless said) ' : ''}contradict each other: when BFD ends the session, the peer may go on sending packets to a router that is gone; set bfd: off, or gracefulRestart: off`,
  });
}

/** RFC 9234 is for sessions between ASes. */
function roleOf(bgp: AttachmentBgp, isExternal: boolean): Pick<SessionIntent, 'role'> {
  if (bgp.localRole === undefined || !isExternal) return {};
  return { role: { local: bgp.localRole, isStrict: bgp.strictRole === true } };
}

function timerField(
  attachment: AttachmentFacts,
  bgp: AttachmentBgp,
  field: 'keepaliveTime' | 'gracefulRestart',
): TimerField {
  return { subject: attachment.resource, path: ['spec', 'bgp', field], text: bgp[field] };
}
