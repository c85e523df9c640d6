/**
 * The schema of an Attachment and of its BGP session (RFC 4271 for timers, RFC 5082 for GTSM).
 *
 * Invariant: exactly one link, exactly one source of routes; a password is only ever a reference to a secret.
 */
import { parseAddress } from '../net/address.ts';
import { containsAddress, maskAddress, parseCidr } from '../net/prefix.ts';
import { type AttachmentBgp, type AttachmentSpec, attachmentProfiles, type PrefixLimit } from './attachment.ts';
import { profileHops, profileRules } from './attachment-profile-rules.ts';
import { wellKnownCommunities } from './communities.ts';
import { parseDurationMs } from './duration.ts';
import { asNumber, community, duration, interfaceAddress, ip, name, prefix } from './fields.ts';
import { withInsideAddresses } from './inside-defaults.ts';
import { type LinkEnds, linkEnds } from './link-paths.ts';
import { linkRules } from './link-rules.ts';
import { linkSchema, mostAddresses } from './link-schema.ts';
import {
  type At,
  boolean,
  type Check,
  child,
  conflict,
  integer,
  list,
  object,
  omitEmpty,
  oneOf,
  optional,
  type Parser,
  report,
  required,
  showValue,
  text,
  warn,
} from './schema.ts';
import { secretReference } from './secret-ref.ts';

const prefixLimit = object<PrefixLimit>({
  limit: required(integer(1, 4_294_967_295)),
  action: omitEmpty(oneOf('warn', 'block', 'down')),
});

type MaxPrefixes = NonNullable<AttachmentBgp['maxPrefixes']>;
type PerFamily = NonNullable<MaxPrefixes['import']>;

const perFamily = object<PerFamily>({ ipv4: optional(prefixLimit), ipv6: optional(prefixLimit) });

const bfdTimers = object<Exclude<NonNullable<AttachmentBgp['bfd']>, 'off'>>({
  minInterval: omitEmpty(duration),
  multiplier: omitEmpty(integer(1, 255)),
});
const bfd: Parser<NonNullable<AttachmentBgp['bfd']>> = (value, at) => (value === 'off' ? value : bfdTimers(value, at));

/** A community in figures, or the name that IANA has for it. */
const namedCommunity: Parser<string> = (value, at) =>
  typeof value === 'string' && value in wellKnownCommunities ? value : community(value, at);

const birdFunction = text((value) =>
  /^user_[A-Za-z0-9_]{1,40}$/.test(value)
    ? undefined
    : `${showValue(value)} is no name of a function of your own BIRD text: it begins with user_, then letters, digits and _`,
);

const gracefulRestart: Parser<string> = (value, at) => (value === 'off' ? value : duration(value, at));

/** RFC 4271 §4.2: the hold time is 0 or at least three seconds, and outlives the keepalives. */
const timerRules: Check<AttachmentBgp> = (value, at) => {
  const hold = parseDurationMs(value.holdTime);
  const keepalive = parseDurationMs(value.keepaliveTime);
  if (hold !== undefined && hold !== 0 && (hold < 3000 || hold > 65_535_000)) {
    report(child(at, 'holdTime'), `${value.holdTime} is no hold time: write 3s to 65535s, or 0s for none`);
  }
  if (hold !== undefined && keepalive !== undefined && hold > 0 && keepalive * 3 > hold) {
    report(
      child(at, 'keepaliveTime'),
      `${value.keepaliveTime} is too long: at least three keepalives must fit into the hold time of ${value.holdTime}`,
    );
  }
};

const roleRules: Check<AttachmentBgp> = (value, at) => {
  if (value.strictRole !== true || value.localRole !== undefined) return;
  report(child(at, 'strictRole'), 'there is no role to insist on: write localRole, or take strictRole out');
};

export const attachmentBgpSchema = object<AttachmentBgp>(
  {
    asNumber: required(asNumber),
    localASNumber: omitEmpty(asNumber),
    password: optional(secretReference),
    holdTime: omitEmpty(duration),
    keepaliveTime: omitEmpty(duration),
    bfd: optional(bfd),
    multihop: omitEmpty(integer(1, 255)),
    ttlSecurity: omitEmpty(integer(1, 254)),
    gracefulRestart: omitEmpty(gracefulRestart),
    maxPrefixes: optional(
      object<MaxPrefixes>({ receive: optional(perFamily), import: optional(perFamily), export: optional(perFamily) }),
    ),
    preference: omitEmpty(oneOf('primary', 'backup')),
    preferenceBy: omitEmpty(oneOf('med', 'prepend', 'communities')),
    med: optional(integer(0, 4_294_967_295)),
    localPref: optional(integer(0, 4_294_967_295)),
    prepend: omitEmpty(integer(0, 10)),
    communities: omitEmpty(list(namedCommunity, { unique: true })),
    nextHopSelf: optional(boolean),
    sourceAddress: omitEmpty(ip()),
    allowLocalAS: omitEmpty(integer(1, 10)),
    overrideAS: omitEmpty(boolean),
    aggregate: omitEmpty(list(prefix(), { unique: true })),
    importFilters: omitEmpty(list(name, { unique: true })),
    exportFilters: omitEmpty(list(name, { unique: true })),
    passive: omitEmpty(boolean),
    families: omitEmpty(list(oneOf('ipv4', 'ipv6'), { unique: true })),
    localRole: omitEmpty(oneOf('provider', 'customer', 'peer', 'rs-server', 'rs-client')),
    strictRole: omitEmpty(boolean),
    enforceFirstAS: optional(boolean),
    acceptBogons: omitEmpty(boolean),
    maxASPathLength: omitEmpty(integer(1, 255)),
    defaultOriginate: omitEmpty(boolean),
    rawFilters: optional(
      object<NonNullable<AttachmentBgp['rawFilters']>>({
        import: omitEmpty(birdFunction),
        export: omitEmpty(birdFunction),
      }),
    ),
  },
  conflict('ttlSecurity', 'multihop'),
  timerRules,
  roleRules,
);

const mssClamp: Parser<boolean | number> = (value, at) =>
  typeof value === 'boolean' ? value : integer(536, 65_495)(value, at);

const pathRules: Check<AttachmentSpec> = (_, at, has) => {
  if (has('bgp') && has('static'))
    report(child(at, 'static'), 'static conflicts with bgp: routes come from one of them', 'key');
  if (!has('bgp') && !has('static')) report(at, 'bgp or static is needed: without either no route reaches the site');
};

const addressRules: Check<AttachmentSpec> = (value, at, has) => {
  if (has('addresses') && value.addresses === undefined) return;
  // Tunnels have addresses of their own: nothing can be said while they are not sound.
  if (has('link') && value.link === undefined && value.addresses === undefined) return;
  for (const ends of linkEnds(value.link ?? {}, value.addresses)) checkEnds(ends, value, child(at, ...ends.at));
};

/** Both ends need an address in one family, and a directly connected peer one inside our subnet. */
function checkEnds(ends: LinkEnds, { link, bgp, profile }: Partial<AttachmentSpec>, at: At): void {
  const local = ends.local.map(parseCidr);
  const remote = ends.remote.map(parseAddress);
  if (bgp !== undefined && (local.length === 0 || remote.length === 0)) {
    report(at, `bgp needs addresses.local and addresses.remote: ${explainMissing(link, profile)}`);
    return;
  }
  if (local.length === 0 || remote.length === 0) return;
  const shared = local.some((ours) => remote.some((theirs) => theirs?.family === ours?.address.family));
  if (!shared) {
    report(
      child(at, 'remote'),
      'local and remote share no address family: give both ends an IPv4 or both an IPv6 address',
    );
    return;
  }
  for (const [index, theirs] of remote.entries()) {
    if (!theirs || bgp?.multihop !== undefined || isFarProfile(profile)) continue;
    const here = child(at, 'remote', index);
    const ours = local.filter((entry) => entry?.address.family === theirs.family);
    if (ours.some((entry) => entry?.address.bits === theirs.bits))
      report(here, 'is an address of this router too: the two ends must differ');
    else if (!ours.some((entry) => entry && containsAddress(maskAddress(entry.address, entry.length), theirs))) {
      warn(here, 'lies in no subnet of addresses.local: a peer off the link needs bgp.multihop and a route to it');
    }
  }
}

function explainMissing(link: AttachmentSpec['link'] | undefined, profile: AttachmentSpec['profile']): string {
  if (profile === 'aws-vgw-vpn') return 'AWS chooses both (causeway link import aws-vpn)';
  if (!link?.ipsec || profile !== undefined) return 'they are the two ends of the session';
  return 'write both, or localAddress and remoteAddress, from which they follow where no NAT lies between';
}

function isFarProfile(profile: AttachmentSpec['profile']): boolean {
  return profile !== undefined && profile in profileHops;
}

const attachmentAsFilled = object<AttachmentSpec>(
  {
    router: required(name),
    site: required(name),
    link: required(linkSchema),
    over: omitEmpty(name),
    profile: omitEmpty(oneOf(...attachmentProfiles)),
    addresses: optional(
      object<NonNullable<AttachmentSpec['addresses']>>({
        local: omitEmpty(list(interfaceAddress, { unique: true, max: mostAddresses })),
        remote: omitEmpty(list(ip(), { unique: true, max: mostAddresses })),
      }),
    ),
    mtu: omitEmpty(integer(576, 65_535)),
    mssClamp: optional(mssClamp),
    bgp: optional(attachmentBgpSchema),
    static: optional(
      object<NonNullable<AttachmentSpec['static']>>({ prefixes: required(list(prefix(), { min: 1, unique: true })) }),
    ),
  },
  pathRules,
  addressRules,
  linkRules,
  profileRules,
);

export const attachmentSchema: Parser<AttachmentSpec> = (value, at) =>
  attachmentAsFilled(withInsideAddresses(value), at);
