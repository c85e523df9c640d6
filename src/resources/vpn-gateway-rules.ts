/**
 * What AWS's end of a Site-to-Site VPN (profile aws-vgw-vpn) never agrees to, of one Attachment.
 *
 * Sources: "Tunnel options for your Site-to-Site VPN connection": inside addresses, algorithms, who opens the tunnel.
 * Invariant: an error only where AWS refuses for certain.
 */
import { equalAddresses, parseAddress } from '../net/address.ts';
import { containsAddress, parseCidr } from '../net/prefix.ts';
import type { AttachmentSpec } from './attachment.ts';
import { awsInsidePool, awsReservedBlocks, isPrivate } from './inside-addresses.ts';
import { namesKeyExchange } from './ipsec-proposals.ts';
import type { IpsecLink } from './link.ts';
import { linkEnds } from './link-paths.ts';
import { type At, child, report, warn } from './schema.ts';
import { ipsecDefaults } from './tunnel-defaults.ts';

export function checkVpnGateway({ link, addresses, profile }: Partial<AttachmentSpec>, at: At): void {
  if (profile !== 'aws-vgw-vpn') return;
  if (link?.vlan || link?.wireguard) {
    report(child(at, 'profile'), 'a virtual private gateway speaks IPsec alone: write link.ipsec, or another profile');
    return;
  }
  for (const { local, at: below } of linkEnds(link ?? {}, addresses)) {
    for (const [i, text] of local.entries()) checkInside(text, child(at, ...below, 'local', i));
  }
  if (link?.ipsec) checkIpsec(link.ipsec, child(at, 'link', 'ipsec'));
}

function checkInside(text: string, at: At): void {
  const cidr = parseCidr(text);
  // IPv6 is refused as such.
  if (!cidr || cidr.address.family === 6) return;
  const isInside = containsAddress(awsInsidePool, cidr.address) && cidr.length === 30;
  const isReserved = awsReservedBlocks.some((block) => containsAddress(block, cidr.address));
  if (isInside && !isReserved) return;
  const why = isInside ? 'AWS keeps that /30 for itself' : "a tunnel's inside addresses are a /30 of 169.254.0.0/16";
  report(at, `${why}: take those that AWS gave the tunnel (causeway link import aws-vpn)`);
}

function checkIpsec(ipsec: IpsecLink, at: At): void {
  const { tunnels, initiate, ike, esp } = ipsec;
  checkIdentities(ipsec, at);
  const peers = tunnels.map(({ remoteAddress }) => parseAddress(remoteAddress));
  for (const [i, peer] of peers.entries()) {
    const first = peers.findIndex((other) => peer && other && equalAddresses(peer, other));
    if (first < 0 || first === i) continue;
    const reason = `is the peer of tunnels[${first}] too: AWS gives each tunnel an endpoint of its own, so write the other one`;
    report(child(at, 'tunnels', i, 'remoteAddress'), reason);
  }
  if (initiate === false) {
    warn(
      child(at, 'initiate'),
      "AWS waits for the customer's end unless the tunnel's startup action is start: take initiate out, or set that there",
    );
  }
  for (const [part, proposals] of [
    ['ike', ike?.proposals ?? ipsecDefaults.ikeProposals],
    ['esp', esp?.proposals ?? ipsecDefaults.espProposals],
  ] as const) {
    if (proposals.some((proposal) => isKnownToAws(proposal, part))) continue;
    report(
      child(at, part, 'proposals'),
      `AWS knows AES-128 and AES-256 (CBC, or GCM with 16 bytes), SHA-1 and SHA-2, and groups 2 and 14 to 24, and could agree to none of these: write ${part === 'ike' ? ipsecDefaults.ikeProposals[0] : ipsecDefaults.espProposals[0]}`,
    );
  }
}

/** AWS knows a customer gateway with a pre-shared key by the address that it was given for it. */
function checkIdentities({ localAddress, localID, certificate, tunnels }: IpsecLink, at: At): void {
  if (certificate || localID !== undefined) return;
  for (const [i, tunnel] of tunnels.entries()) {
    const local = parseAddress(tunnel.localAddress ?? localAddress ?? '');
    const peer = parseAddress(tunnel.remoteAddress);
    if (!local || !peer || tunnel.localID !== undefined || !isPrivate(local) || isPrivate(peer)) continue;
    const here =
      tunnel.localAddress === undefined ? child(at, 'localAddress') : child(at, 'tunnels', i, 'localAddress');
    warn(
      here,
      "is not what AWS sees behind a NAT, and knows this end by: write the customer gateway's address as localID",
    );
    if (tunnel.localAddress === undefined) return;
  }
}

const gcm = /^aes(?:128|256)?gcm(?:16|128)?$/;
const cbc = /^aes(?:128|256)?$/;
const hash = /^(?:prf)?sha(?:1|(?:2_)?(?:256|384|512))?$/;
const group = /^(?:modp(?:1024|1536|2048|3072|4096|6144|8192)|modp(?:1024s160|2048s224|2048s256)|ecp(?:256|384|521))$/;

/** Of several algorithms of one kind in a proposal, one that AWS knows suffices. */
function isKnownToAws(proposal: string, part: 'ike' | 'esp'): boolean {
  const has = (kind: RegExp): boolean => proposal.split('-').some((word) => kind.test(word));
  const isEncrypted = (has(gcm) && (part === 'esp' || has(hash))) || (has(cbc) && has(hash));
  return isEncrypted && (has(group) || !namesKeyExchange(proposal));
}
