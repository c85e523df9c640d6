/**
 * Which program is proven to do what together with ours: every cell is a test that runs, or a gap with its reason.
 * docs/design/interop.md shows the same table; matrix.test.ts holds them together.
 */
import type { PeerName } from './peer.ts';

export const features = {
  sessions: 'Sessions of their own for IPv4 and IPv6, 4-byte AS on both sides',
  learned: 'Learned from it: communities, large communities, MED, prepended path',
  told: 'Told to it: communities, large communities, no-export, MED, prepended path',
  gshutIn: 'Its graceful shutdown is honoured (RFC 8326)',
  gshutOut: 'Ours arrives when the router is drained',
  holdTime: 'The lower hold time wins',
  bothFamilies: 'IPv4 and IPv6 on one session, IPv4 with an IPv6 next hop (RFC 8950)',
  md5: 'MD5 (RFC 2385): the right password, a wrong one, a missing secret',
  md5Unsigned: 'MD5: it refuses a session without a signature',
  ttlSecurity: 'GTSM (RFC 5082)',
  passive: 'One side passive',
  roles: 'Roles: one that fits, one that does not (RFC 9234)',
  bfd: 'BFD: up, and down at once when the link is dead',
  peerRestarts: 'It restarts gracefully: its routes stay (RFC 4724)',
  weRestart: 'We restart gracefully: our routes stay with it',
  limits: 'Limits: warn, block, down, each direction',
} as const;
export type Feature = keyof typeof features;

type Gaps = Readonly<Record<PeerName, Readonly<Partial<Record<Feature, string>>>>>;
export const gaps: Gaps = {
  frr: {},
  gobgp: {
    roles: 'GoBGP 3.10 speaks no roles',
    bfd: 'GoBGP 3.10 speaks no BFD',
  },
  exabgp: {
    roles: 'ExaBGP 4.2 speaks no roles',
    bfd: 'ExaBGP 4.2 speaks no BFD',
    weRestart: 'ExaBGP keeps no table in which a route could stay',
  },
  openbgpd: {
    bothFamilies: 'OpenBGPD 7.7 speaks no RFC 8950',
    md5Unsigned: 'OpenBGPD 7.7 on Linux takes in an unsigned connection although a password is set',
    bfd: 'OpenBGPD 7.7 speaks no BFD',
    peerRestarts: 'OpenBGPD 7.7 is only the helper of a graceful restart (bgpd.conf(5), announce restart)',
  },
  bird: {},
};
