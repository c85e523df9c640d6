/**
 * What the tunnels of a router need open on the outside: IKE, ESP, WireGuard, from and to their own peers and nobody else;
 * and the echo requests by which `doctor` measures a link.
 *
 *   LinkIntent[] ─[linkFailsafes]→ Failsafe[] → resolve-failsafes
 *                ─[warnOfOpenPorts]→ Warning[]
 *
 * Invariant: nothing is open to an address that no link names, unless its WireGuard peer roams, which WireGuard answers
 * with silence unless the key is right. A tunnel over another link is open on that link alone.
 */
import { protocolNumbers } from '../../net/ip-protocol.ts';
import { hostPrefix } from '../../net/prefix.ts';
import type { IpsecTunnelIntent, LinkIntent, WireguardLinkIntent } from '../links/links-intent.ts';
import type { Warning } from '../router-intent.ts';
import type { AttachmentFacts } from '../topology/topology.ts';
import type { Failsafe, FailsafePurpose, PolicyIntent } from './policy-intent.ts';

const { UDP, ICMP, ICMPv6 } = protocolNumbers;
/** RFC 4303. */
const ESP = 50;
/** RFC 7296 §2, RFC 3948. */
const ikePorts = [500, 4500];

export function linkFailsafes(links: readonly LinkIntent[]): PolicyIntent['failsafes'] {
  const devices = devicesOf(links);
  const opened = links.map((link) => openFor(link, devices));
  return {
    inbound: opened.flatMap(({ inbound }) => inbound),
    outbound: opened.flatMap(({ outbound }) => outbound),
  };
}

/** The devices of each Attachment, sorted. */
type Devices = ReadonlyMap<string, readonly string[]>;

function devicesOf(links: readonly LinkIntent[]): Devices {
  const devices = new Map<string, string[]>();
  for (const { attachment, interfaceName } of links) {
    const names = devices.get(attachment) ?? [];
    devices.set(attachment, names);
    names.push(interfaceName);
  }
  for (const names of devices.values()) names.sort();
  return devices;
}

function openFor(link: LinkIntent, devices: Devices): PolicyIntent['failsafes'] {
  switch (link.kind) {
    case 'interface':
    case 'vlan':
      return { inbound: [], outbound: echoRequests(link) };
    case 'ipsec': {
      const { inbound, outbound } = outsideOf(link, devices);
      return {
        inbound: ipsecFailsafes(link, inbound, link.localPort),
        outbound: [...ipsecFailsafes(link, outbound, link.remotePort), ...echoRequests(link)],
      };
    }
    case 'wireguard': {
      const { inbound, outbound } = outsideOf(link, devices);
      return {
        inbound: wireguardInbound(link, inbound),
        outbound: [...wireguardOutbound(link, outbound), ...echoRequests(link)],
      };
    }
  }
}

type Outside = Pick<Failsafe, 'interfaces'>;

/** Over an Attachment of several devices the other end may choose any for what it sends; we keep to one. */
function outsideOf(
  { underlay }: IpsecTunnelIntent | WireguardLinkIntent,
  devices: Devices,
): Record<'inbound' | 'outbound', Outside> {
  if (!underlay) return { inbound: {}, outbound: {} };
  const interfaces = [underlay.interfaceName];
  return { inbound: { interfaces: devices.get(underlay.attachment) ?? interfaces }, outbound: { interfaces } };
}

/** The port that is written is one more: IKE begins at the standard ones where the peer knows of no other. */
function ipsecFailsafes(link: IpsecTunnelIntent, outside: Outside, port: number | undefined): Failsafe[] {
  const place = { net: hostPrefix(link.remoteAddress), ...outside };
  const ports = port === undefined ? ikePorts : [...ikePorts, port];
  return [
    { protocol: ESP, ...place, ...forLink(link, 'ESP') },
    ...ports.map((each) => ({ protocol: UDP, port: each, ...place, ...forLink(link, 'IKE') })),
  ];
}

function wireguardInbound(link: WireguardLinkIntent, outside: Outside): Failsafe[] {
  const { endpoint, allowFrom } = link.peer;
  const nets = [...(endpoint ? [hostPrefix(endpoint.address)] : []), ...allowFrom];
  const open = { protocol: UDP, port: link.listenPort, ...outside, ...forLink(link, 'WireGuard') };
  return nets.length === 0 ? [open] : nets.map((net) => ({ ...open, net }));
}

function wireguardOutbound(link: WireguardLinkIntent, outside: Outside): Failsafe[] {
  const { endpoint } = link.peer;
  if (!endpoint) return [];
  const place = { net: hostPrefix(endpoint.address), ...outside };
  return [{ protocol: UDP, port: endpoint.port, ...place, ...forLink(link, 'WireGuard') }];
}

function forLink({ attachment }: LinkIntent, what: FailsafePurpose['what']): Pick<Failsafe, 'purposes'> {
  return { purposes: [{ what, attachment }] };
}

/** Answers come back by conntrack. */
function echoRequests(link: LinkIntent): Failsafe[] {
  return link.remotes.map((remote) => ({
    protocol: remote.family === 4 ? ICMP : ICMPv6,
    icmp: 'echo',
    net: hostPrefix(remote),
    interfaces: [link.interfaceName],
    ...forLink(link, 'doctor'),
  }));
}

/** A door that the peer's key alone guards is for somebody to know of. */
export function warnOfOpenPorts(links: readonly LinkIntent[], attachments: readonly AttachmentFacts[]): Warning[] {
  const subjects = new Map(attachments.map(({ name, resource }) => [name, resource]));
  return links.flatMap((link): Warning[] => {
    const subject = subjects.get(link.attachment);
    if (link.kind !== 'wireguard' || link.peer.endpoint || link.peer.allowFrom.length > 0 || !subject) return [];
    const from = link.underlay ? `anybody on ${link.underlay.interfaceName}` : 'anybody';
    const message = `UDP port ${link.listenPort} is open to ${from}, since no endpoint says where the peer is: WireGuard answers its key alone; name the nets it comes from in allowFrom`;
    return [{ code: 'wireguard-from-anybody', subject, path: ['spec', 'link', 'wireguard'], message }];
  });
}
