/**
 * What a link says that cannot work, or not safely, refused where it is written.
 *
 * Invariant: an error only for what fails for certain, at the machine itself or at the other end; all else is a warning.
 */
import { parseAddress } from '../net/address.ts';
import { containsAddress, containsPrefix, maskAddress, parseCidr } from '../net/prefix.ts';
import type { AttachmentSpec } from './attachment.ts';
import { parseDurationMs, parseDurationSeconds } from './duration.ts';
import { awsServices } from './inside-addresses.ts';
import { proposalProblems } from './ipsec-proposals.ts';
import type { AttachmentLink, IpsecLink, WireguardLink } from './link.ts';
import { linkEnds } from './link-paths.ts';
import { checkOuterAddresses, endpointAddress } from './outer-address-rules.ts';
import { type At, type Check, child, report, warn } from './schema.ts';
import { ipsecDefaults } from './tunnel-defaults.ts';
import { checkVpnGateway } from './vpn-gateway-rules.ts';

export const linkRules: Check<AttachmentSpec> = (value, at) => {
  const { link, over } = value;
  if (!link) return;
  const here = child(at, 'link');
  if (over !== undefined && (link.interface || link.vlan)) {
    report(child(at, 'over'), 'only a tunnel runs over another Attachment: take over out, or write ipsec or wireguard');
  }
  if (link.ipsec) checkIpsec(link.ipsec, value, child(here, 'ipsec'), at);
  if (link.wireguard) checkWireguard(link.wireguard, child(here, 'wireguard'));
  checkOuterAddresses(link, here);
  checkDeviceNames(link, here);
  checkProfile(value, at);
  checkVpnGateway(value, at);
  checkSizes(value, at);
  checkInsideAddresses(value, at);
};

function checkIpsec(ipsec: IpsecLink, { addresses }: Partial<AttachmentSpec>, at: At, specAt: At): void {
  const { psk, certificate, tunnels } = ipsec;
  if (psk && certificate) {
    report(child(at, 'certificate'), 'certificate conflicts with psk: the ends know each other by one of them', 'key');
  }
  if (tunnels.length > 1 && addresses !== undefined) {
    const reason = 'several tunnels have inside addresses of their own: write them at each tunnel';
    report(child(specAt, 'addresses'), reason, 'key');
  } else if (addresses !== undefined && tunnels.some((tunnel) => tunnel.addresses !== undefined)) {
    report(child(specAt, 'addresses'), 'addresses stand at the tunnel too: write them in one of the two places', 'key');
  }
  if (certificate && [ipsec.remoteID, ...tunnels.map(({ remoteID }) => remoteID)].includes('%any')) {
    warn(
      child(at, 'certificate'),
      'with remoteID %any whoever has a certificate of this authority is the peer: name it',
    );
  }
  const names = new Set<string>();
  for (const [i, tunnel] of tunnels.entries()) {
    const here = child(at, 'tunnels', i);
    if (!tunnel.psk && !psk && !certificate) {
      report(here, 'neither psk nor certificate says how the two ends know each other: write one');
    }
    if (tunnel.psk && certificate) {
      report(child(here, 'psk'), 'psk conflicts with certificate: the ends know each other by one of them', 'key');
    }
    const name = tunnel.interface;
    if (name !== undefined && names.has(name)) {
      report(child(here, 'interface'), `${name} is the interface of another of these tunnels: each has its own`);
    }
    if (name !== undefined) names.add(name);
    const local = parseAddress(tunnel.localAddress ?? ipsec.localAddress ?? '');
    const remote = parseAddress(tunnel.remoteAddress);
    if (local && remote && local.family !== remote.family) {
      report(
        child(here, 'remoteAddress'),
        'localAddress is of the other address family: both ends need one of the same',
      );
    }
  }
  checkTimes(ipsec, at);
  for (const [part, proposals] of [
    ['ike', ipsec.ike?.proposals],
    ['esp', ipsec.esp?.proposals],
  ] as const) {
    for (const [i, proposal] of (proposals ?? []).entries()) {
      const here = child(at, part, 'proposals', i);
      for (const { isRefused, reason } of proposalProblems(proposal, part)) {
        if (isRefused) report(here, reason);
        else warn(here, reason);
      }
    }
  }
}

/** Loopback, and what `/proc/sys/net/ipv4/conf` calls the settings of all devices and of those to come. */
const taken = ['lo', 'all', 'default'];

function checkDeviceNames({ vlan, ipsec, wireguard }: AttachmentLink, at: At): void {
  const refuse = (name: string | undefined, here: At): void => {
    if (name !== undefined && taken.includes(name))
      report(here, `${name} is no device of this kind: write another name`);
  };
  refuse(vlan?.parent, child(at, 'vlan', 'parent'));
  refuse(wireguard?.interface, child(at, 'wireguard', 'interface'));
  for (const [i, tunnel] of (ipsec?.tunnels ?? []).entries()) {
    refuse(tunnel.interface, child(at, 'ipsec', 'tunnels', i, 'interface'));
  }
}

/** Seconds: a week, which is long for a key and far below what charon can count. */
const longest = 604_800;
/** Seconds: two exchanges with a peer that answers late, and one packet of each lost. */
const shortestMargin = 10;

/** A key is renewed a margin before its end, and the margin is varied upwards by the fuzz: both have to fit before it. */
function checkTimes(ipsec: IpsecLink, at: At): void {
  for (const [text, ...steps] of [
    [ipsec.ike?.lifetime, 'ike', 'lifetime'],
    [ipsec.esp?.lifetime, 'esp', 'lifetime'],
    [ipsec.dpd?.delay, 'dpd', 'delay'],
    [ipsec.dpd?.timeout, 'dpd', 'timeout'],
  ] as const) {
    if ((parseDurationSeconds(text) ?? 0) > longest)
      report(child(at, ...steps), `${text} is too long: write 168h or less`);
  }
  const margin = parseDurationSeconds(ipsec.rekeyMargin) ?? ipsecDefaults.rekeyMargin;
  if (margin < shortestMargin) {
    const reason = `a key that is renewed ${margin}s before its end may end first, and packets are lost: write ${shortestMargin}s or more`;
    if (margin === 0) report(child(at, 'rekeyMargin'), reason);
    else warn(child(at, 'rekeyMargin'), reason);
  }
  const earliest = margin * (1 + (ipsec.rekeyFuzz ?? ipsecDefaults.rekeyFuzz) / 100);
  const lifetimes = {
    ike: parseDurationSeconds(ipsec.ike?.lifetime) ?? ipsecDefaults.ikeLifetime,
    esp: parseDurationSeconds(ipsec.esp?.lifetime) ?? ipsecDefaults.espLifetime,
  };
  for (const part of ['ike', 'esp'] as const) {
    if (lifetimes[part] > earliest) continue;
    const here = ipsec[part]?.lifetime === undefined ? child(at, 'rekeyMargin') : child(at, part, 'lifetime');
    report(
      here,
      `keys of ${part} would be renewed up to ${earliest}s before the end of ${lifetimes[part]}s, thus without pause: shorten rekeyMargin or rekeyFuzz, or lengthen the lifetime`,
    );
  }
  if (lifetimes.esp > lifetimes.ike && ipsec.esp?.lifetime !== undefined) {
    warn(child(at, 'esp', 'lifetime'), 'outlives the IKE lifetime: AWS refuses that, and others renew ike first');
  }
  const delay = parseDurationSeconds(ipsec.dpd?.delay) ?? ipsecDefaults.dpd.delay;
  const timeout = parseDurationSeconds(ipsec.dpd?.timeout) ?? ipsecDefaults.dpd.timeout;
  if (delay === 0)
    report(child(at, 'dpd', 'delay'), 'a peer that is never asked is never found dead: write 1s or more');
  else if (timeout <= delay) {
    report(child(at, 'dpd'), `a peer asked every ${delay}s cannot be dead after ${timeout}s: write a longer timeout`);
  }
}

function checkWireguard({ endpoint, keepalive }: WireguardLink, at: At): void {
  const port = Number(endpoint?.slice(endpoint.lastIndexOf(':') + 1) ?? 1);
  if (port < 1 || port > 65_535) report(child(at, 'endpoint'), `${port} is no port: write 1 to 65535`);
  if (endpoint !== undefined && !endpointAddress(endpoint)) {
    report(child(at, 'endpoint'), 'holds no address: names are not looked up, write the address itself');
  }
  const every = parseDurationMs(keepalive) ?? 0;
  if (every > 65_535_000 || (every > 0 && every < 1000)) {
    report(
      child(at, 'keepalive'),
      `WireGuard counts whole seconds, not ${keepalive}: write 1s to 65535s, or 0s for none`,
    );
  }
}

/** Which link a cloud's end can be behind. A device that somebody else made may be anything. */
function checkProfile({ link, profile, mtu, addresses }: Partial<AttachmentSpec>, at: At): void {
  const isTunnel = link?.ipsec !== undefined || link?.wireguard !== undefined;
  if (profile === 'aws-dx-private-vif') {
    if (isTunnel) {
      const reason =
        'a private virtual interface is a VLAN on a Direct Connect line: write link.vlan, or another profile';
      report(child(at, 'profile'), reason);
    }
    if (mtu !== undefined && mtu !== 1500 && mtu !== 8500) {
      const legacy = mtu === 9001 ? ' (9001 is that of old ones, which cannot be asked for any more)' : '';
      warn(child(at, 'mtu'), `a private virtual interface carries 1500 or 8500 bytes, not ${mtu}${legacy}`);
    }
    const seen = new Set<string>();
    for (const [i, text] of (addresses?.remote ?? []).entries()) {
      const family = text.includes(':') ? 'IPv6' : 'IPv4';
      if (seen.has(family)) {
        report(
          child(at, 'addresses', 'remote', i),
          `a virtual interface has one session for each address family, and one for ${family} is above: take this out`,
        );
      }
      seen.add(family);
    }
  }
}

function checkSizes({ link, addresses, mtu, mssClamp }: Partial<AttachmentSpec>, at: At): void {
  if (mtu === undefined) return;
  const carriesIpv6 = linkEnds(link ?? {}, addresses).some(({ local }) => local.some((text) => text.includes(':')));
  if (carriesIpv6 && mtu < 1280) report(child(at, 'mtu'), `IPv6 needs 1280 bytes on every link (RFC 8200): not ${mtu}`);
  if (typeof mssClamp === 'number' && mssClamp > mtu - 40) {
    warn(
      child(at, 'mssClamp'),
      `segments of ${mssClamp} bytes do not fit into packets of ${mtu}: write ${mtu - 40} or less`,
    );
  }
}

const nodeLocalDns = parseAddress('169.254.20.10');

function checkInsideAddresses({ link, addresses }: Partial<AttachmentSpec>, at: At): void {
  // No tag reaches a machine in a VPC, so that nothing of a VPC is hidden by a VLAN's addresses: AWS gives such ones, too.
  if (link?.vlan) return;
  for (const { local, remote, at: below } of linkEnds(link ?? {}, addresses)) {
    for (const [i, text] of local.entries()) {
      const cidr = parseCidr(text);
      const here = child(at, ...below, 'local', i);
      const subnet = cidr && maskAddress(cidr.address, cidr.length);
      if (subnet && (containsPrefix(subnet, awsServices) || containsPrefix(awsServices, subnet))) refuseServices(here);
      else if (nodeLocalDns && subnet && containsAddress(subnet, nodeLocalDns)) {
        warn(here, `${text} holds 169.254.20.10, where Kubernetes nodes ask their local DNS`);
      }
    }
    for (const [i, text] of remote.entries()) {
      const address = parseAddress(text);
      if (address && containsAddress(awsServices, address)) refuseServices(child(at, ...below, 'remote', i));
    }
  }
}

function refuseServices(at: At): void {
  report(
    at,
    'reaches into 169.254.168.0/22, where AWS has time, names and metadata: take a /30 from 169.254.8.0 to 169.254.167.255',
  );
}
