/**
 * What can never work with the cloud that an Attachment names, refused with the reason (sources:
 * intent/routing/attachment-profiles.ts), and what works otherwise than written.
 *
 * Invariant: an error only where the other end refuses or ignores it for certain; all else is a warning, as clouds change.
 */
import { parseAsn } from '../net/asn.ts';
import type { AttachmentBgp, AttachmentProfile, AttachmentSpec } from './attachment.ts';
import { communityNumbers, directConnectPreference, directConnectScope } from './communities.ts';
import { parseDurationMs } from './duration.ts';
import { linkEnds } from './link-paths.ts';
import { type At, type Check, child, report, warn } from './schema.ts';

/** Hops to peers that are never on the link. */
export const profileHops = { 'aws-tgw-connect': 2, 'azure-route-server': 2 } as const;

/** Characters of the shortest MD5 key that Direct Connect takes; Linux takes no more than its longest, 80. */
export const directConnectKey = 6;

/** AS numbers that nobody but Azure, and IANA, may use towards a Route Server: its FAQ. */
const azureReserved: ReadonlySet<number> = new Set([8074, 8075, 12076, 65515, 65517, 65518, 65519, 65520, 23456]);
export const azureRouteServerAs = 65515;

type Bgp = Partial<AttachmentBgp>;

/** Rules of the Attachment alone; what depends on the Router's AS is asked when routes are resolved. */
export const profileRules: Check<AttachmentSpec> = (value, at) => {
  const { bgp, profile } = value;
  if (!bgp) return;
  const here = child(at, 'bgp');
  checkPreferenceCommunities(bgp, profile, here);
  switch (profile) {
    case 'aws-dx-private-vif':
      checkDirectConnect(bgp, here);
      break;
    case 'aws-vgw-vpn':
      refuseIpv6(value, at, 'a virtual private gateway speaks no IPv6');
      if (bgp.families?.includes('ipv6')) {
        report(child(here, 'families'), 'a virtual private gateway knows no IPv6 prefixes: take ipv6 out');
      }
      break;
    case 'aws-route-server':
      if (bgp.passive === true) {
        report(child(here, 'passive'), 'a VPC Route Server waits for the router to open the session: take passive out');
      }
      break;
    case 'aws-tgw-connect':
      checkTransitGatewayConnect(value, bgp, at);
      break;
    case 'azure-route-server':
      checkAzure(bgp, here);
      break;
    case 'gcp-cloud-router':
      warnBfdBelow(bgp, here, 1000, 'Cloud Router');
      break;
    case undefined:
      break;
  }
};

/** Why an AS number cannot be the router's own towards an Azure Route Server; undefined where it can. */
export function azureRefusesAs(asn: number): string | undefined {
  if (asn > 65535) return 'an Azure Route Server knows AS numbers of 16 bits alone: write one up to 65534';
  const isIana = (asn >= 64496 && asn <= 64511) || asn === 65535;
  return azureReserved.has(asn) || isIana ? `AS ${asn} is reserved by Azure or IANA: use another` : undefined;
}

function checkPreferenceCommunities(bgp: Bgp, profile: AttachmentProfile | undefined, at: At): void {
  if (bgp.preferenceBy === 'communities' && profile !== 'aws-dx-private-vif') {
    report(
      child(at, 'preferenceBy'),
      'only Direct Connect has communities for preference: set profile: aws-dx-private-vif, or write med or prepend',
    );
  }
  const levels: readonly string[] = Object.values(directConnectPreference);
  const said = (bgp.communities ?? []).map(communityNumbers).filter((one) => levels.includes(one));
  if (said.length > 1) {
    report(child(at, 'communities'), `${said.join(' and ')} exclude each other: one preference for a route`);
  }
}

function checkDirectConnect(bgp: Bgp, at: At): void {
  if ((bgp.multihop ?? 1) > 1) {
    report(
      child(at, 'multihop'),
      'Direct Connect sends packets with TTL 1, so the peer is on the link: take multihop out',
    );
  }
  if (bgp.ttlSecurity !== undefined) {
    report(child(at, 'ttlSecurity'), 'Direct Connect sends packets with TTL 1, which GTSM drops: take ttlSecurity out');
  }
  if (parseDurationMs(bgp.holdTime) === 0) {
    report(child(at, 'holdTime'), 'Direct Connect refuses sessions without a hold time: write 3s or more');
  }
  const levels: readonly string[] = Object.values(directConnectPreference);
  for (const [index, text] of (bgp.communities ?? []).entries()) {
    const here = child(at, 'communities', index);
    const numbers = communityNumbers(text);
    if (directConnectScope.includes(numbers)) {
      const reason = `${text} says how far a public virtual interface spreads a prefix: a private one has no such community`;
      report(here, reason);
    } else if (numbers.startsWith('7224:') && !levels.includes(numbers)) {
      warn(here, `7224:1 to 7224:65535 are AWS's own, and of them ${levels.join(', ')} alone mean something here`);
    }
  }
  if ((bgp.families ?? []).length > 1) {
    const reason =
      'Direct Connect has a session of its own for each family: take families out, and write an address of each';
    warn(child(at, 'families'), reason);
  }
  warnBfdBelow(bgp, at, 300, 'Direct Connect');
  if (bgp.bfd !== undefined && bgp.bfd !== 'off' && (bgp.bfd.multiplier ?? 3) < 3) {
    warn(child(at, 'bfd', 'multiplier'), 'Direct Connect itself counts at least 3');
  }
}

function checkTransitGatewayConnect(value: Partial<AttachmentSpec>, bgp: Bgp, at: At): void {
  const here = child(at, 'bgp');
  refuseIpv6(
    value,
    at,
    'Transit Gateway Connect carries IPv6 prefixes over IPv4 sessions alone (families: [ipv4, ipv6])',
  );
  if (bgp.multihop === 1 || bgp.ttlSecurity === 1) {
    const field = bgp.multihop === 1 ? 'multihop' : 'ttlSecurity';
    report(child(here, field), 'Transit Gateway Connect is two hops away: write multihop: 2, or nothing');
  }
  if (bgp.bfd !== undefined && bgp.bfd !== 'off') warn(child(here, 'bfd'), 'Transit Gateway Connect speaks no BFD');
  if (bgp.gracefulRestart !== undefined && bgp.gracefulRestart !== 'off') {
    warn(child(here, 'gracefulRestart'), 'Transit Gateway Connect knows no graceful restart');
  }
}

function checkAzure(bgp: Bgp, at: At): void {
  const own = bgp.localASNumber === undefined ? undefined : parseAsn(bgp.localASNumber);
  const refusal = own === undefined ? undefined : azureRefusesAs(own);
  if (refusal !== undefined) report(child(at, 'localASNumber'), refusal);
  if (bgp.multihop === 1) report(child(at, 'multihop'), 'an Azure Route Server is never on the link: write 2 or more');
  const peer = bgp.asNumber === undefined ? undefined : parseAsn(bgp.asNumber);
  if (peer !== undefined && peer !== azureRouteServerAs) {
    warn(
      child(at, 'asNumber'),
      `every Azure Route Server has AS ${azureRouteServerAs}: with ${peer} no session comes up`,
    );
  }
  if (bgp.bfd !== undefined && bgp.bfd !== 'off') warn(child(at, 'bfd'), 'an Azure Route Server speaks no BFD');
}

function refuseIpv6({ link, addresses }: Partial<AttachmentSpec>, at: At, reason: string): void {
  for (const { remote, at: below } of linkEnds(link ?? {}, addresses)) {
    for (const [index, address] of remote.entries()) {
      if (address.includes(':')) report(child(at, ...below, 'remote', index), `${reason}: take the address out`);
    }
  }
}

function warnBfdBelow(bgp: Bgp, at: At, least: number, who: string): void {
  if (bgp.bfd === undefined || bgp.bfd === 'off') return;
  const interval = parseDurationMs(bgp.bfd.minInterval);
  if (interval === undefined || interval >= least) return;
  warn(child(at, 'bfd', 'minInterval'), `${who} goes no faster than ${least}ms, and the slower of both ends counts`);
}
