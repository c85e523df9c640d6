/**
 * What is known of the clouds' ends of a session, in the fields in which a user would write it.
 *
 *   AttachmentSpec.profile → [attachment-profiles] → AttachmentBgp with the profile's values where the user wrote none
 *
 * Invariant: what the user writes wins; what can never work was refused before (resources/attachment-profile-rules.ts).
 *
 * Sources, read in 2026:
 * - Direct Connect: "BGP-specific settings" (hold 90 s, at least 3; keepalive 30 s; BFD 300 ms × 3; TTL 1, no multihop; no
 *   graceful restart beside BFD), "Inbound prefix controls" (100 of each family unless raised; one more ends the session),
 *   "Routing policies and BGP communities" (LOCAL_PREF by 7224:7100, 7200, 7300, looked at before the path).
 * - Site-to-Site VPN quotas (100 to a virtual private gateway, 1,000 from it; one more ends the tunnel's session); its
 *   sample configurations run 10 s and 30 s.
 * - VPC Route Server: quotas (100 routes of a peer), "Create route server peer" (the device opens the session).
 * - Transit Gateway Connect, "Requirements and considerations" (eBGP with TTL 2; keepalive 10 s, hold 30 s; neither BFD nor
 *   graceful restart; IPv6 prefixes over IPv4 sessions alone) and its quotas (1,000 in, 5,000 out).
 * - Azure Route Server FAQ (AS 65515; multihop; keepalive 60 s, hold 180 s; 1,000 routes of a peer, where those of an update
 *   count anew; the shorter path wins, whatever else is said; 16-bit AS numbers).
 * - Google Cloud Router: "Manage BGP timers" (20 s and 60 s), "BFD" (1,000 ms × 5, 1,000 at least), "Learned routes" (MED),
 *   "Quotas and limits" (250 destinations of a region unless raised, what is beyond is dropped; at 5,000 the session ends).
 */
import type { AttachmentBgp, AttachmentProfile, AttachmentSpec, PrefixLimit } from '../../resources/attachment.ts';
import { profileHops } from '../../resources/attachment-profile-rules.ts';

type Defaults = Pick<
  AttachmentBgp,
  'holdTime' | 'keepaliveTime' | 'bfd' | 'gracefulRestart' | 'multihop' | 'maxPrefixes' | 'preferenceBy'
>;

const profiles: Readonly<Record<AttachmentProfile, Defaults>> = {
  'aws-dx-private-vif': {
    holdTime: '90s',
    keepaliveTime: '30s',
    bfd: { minInterval: '300ms', multiplier: 3 },
    maxPrefixes: { export: both(100, 'block') },
    preferenceBy: 'communities',
  },
  'aws-vgw-vpn': {
    holdTime: '30s',
    keepaliveTime: '10s',
    bfd: 'off',
    maxPrefixes: { export: both(100, 'block'), receive: both(1000, 'warn') },
    preferenceBy: 'med',
  },
  'aws-route-server': {
    holdTime: '30s',
    keepaliveTime: '10s',
    bfd: { minInterval: '300ms', multiplier: 3 },
    maxPrefixes: { export: both(100, 'block') },
    preferenceBy: 'med',
  },
  'aws-tgw-connect': {
    holdTime: '30s',
    keepaliveTime: '10s',
    bfd: 'off',
    gracefulRestart: 'off',
    multihop: profileHops['aws-tgw-connect'],
    maxPrefixes: { export: both(1000, 'block'), receive: both(5000, 'warn') },
    preferenceBy: 'prepend',
  },
  'azure-route-server': {
    holdTime: '180s',
    keepaliveTime: '60s',
    bfd: 'off',
    multihop: profileHops['azure-route-server'],
    maxPrefixes: { export: both(1000, 'block') },
    preferenceBy: 'prepend',
  },
  'gcp-cloud-router': {
    holdTime: '60s',
    keepaliveTime: '20s',
    bfd: { minInterval: '1s', multiplier: 5 },
    maxPrefixes: { export: both(250, 'warn') },
    preferenceBy: 'med',
  },
};

/** The session as it is to run; undefined for an Attachment without one. */
export function effectiveBgp({ bgp, profile }: AttachmentSpec): AttachmentBgp | undefined {
  if (!bgp || profile === undefined) return bgp;
  const { multihop, keepaliveTime, ...defaults } = profiles[profile];
  const { maxPrefixes } = bgp;
  return {
    ...defaults,
    // A keepalive belongs to its hold time, and GTSM counts hops itself.
    ...(keepaliveTime === undefined || bgp.holdTime !== undefined ? {} : { keepaliveTime }),
    ...(multihop === undefined || bgp.ttlSecurity !== undefined ? {} : { multihop }),
    ...bgp,
    maxPrefixes: {
      receive: { ...defaults.maxPrefixes?.receive, ...maxPrefixes?.receive },
      import: { ...defaults.maxPrefixes?.import, ...maxPrefixes?.import },
      export: { ...defaults.maxPrefixes?.export, ...maxPrefixes?.export },
    },
  };
}

function both(limit: number, action: NonNullable<PrefixLimit['action']>) {
  return { ipv4: { limit, action }, ipv6: { limit, action } } as const;
}
