/**
 * One tunnel, with what carries it and how much fits into it.
 *
 *   Attachment, its path, the tunnel as written, the link below ─[resolveTunnel]→ IpsecTunnelIntent | WireguardLinkIntent
 *
 * Invariant: everything is said: a default stands wherever nothing was written.
 */
import { type Address, families, parseAddress, printAddress } from '../../net/address.ts';
import { contentNumber } from '../../net/content-hash.ts';
import { type Prefix, parseAddressOrCidr } from '../../net/prefix.ts';
import type { AttachmentProfile } from '../../resources/attachment.ts';
import { parseDurationSeconds } from '../../resources/duration.ts';
import type { IpsecLink, IpsecTunnelSpec, WireguardLink } from '../../resources/link.ts';
import type { FieldPath } from '../../resources/resource.ts';
import { ipsecDefaults, wireguardDefaults } from '../../resources/tunnel-defaults.ts';
import { err, ok, type Result } from '../../result.ts';
import type { AttachmentFacts, AttachmentPath } from '../topology/topology.ts';
import type { IpsecTunnelIntent, LinkIntent, Underlay, WireguardLinkIntent } from './links-intent.ts';
import { clampOf, ethernetMtu, ipsecMtu, wireguardMtu } from './tunnel-mtu.ts';

/** As written, and sound by its schema. */
export type Tunnel =
  | { readonly kind: 'ipsec'; readonly ipsec: IpsecLink; readonly spec: IpsecTunnelSpec; readonly at: number }
  | { readonly kind: 'wireguard'; readonly spec: WireguardLink };

export interface TunnelProblem {
  readonly code: string;
  readonly path: FieldPath;
  readonly message: string;
}

export type TunnelIntent = IpsecTunnelIntent | WireguardLinkIntent;

/** `carrier` is the link that the outer packets take; undefined leaves that to the router's routes. */
export function resolveTunnel(
  attachment: AttachmentFacts,
  path: AttachmentPath,
  tunnel: Tunnel,
  carrier: LinkIntent | undefined,
): Result<TunnelIntent, TunnelProblem> {
  const peer = peerOf(tunnel);
  if (peer && carrier && !carriesFamily(carrier, peer)) {
    return err({
      code: 'underlay-family',
      path: ['spec', 'over'],
      message: `Attachment ${carrier.attachment} has no IPv${peer.family} address to reach ${printAddress(peer)} with: the tunnel ${path.interfaceName} is left out`,
    });
  }
  const shared = {
    attachment: attachment.name,
    interfaceName: path.interfaceName,
    addresses: path.local,
    remotes: path.remote,
    underlay: carrier && underlayOf(carrier),
  };
  const outerMtu = carrier?.mtu ?? ethernetMtu;
  const { mtu, mssClamp = true } = attachment.resource.spec;
  const sized = <T extends Sized>(settings: T) => {
    const size = mtu ?? largestInside(settings, outerMtu);
    return { ...shared, ...settings, mtu: size, mssClamp: clampOf(mssClamp, size) };
  };
  if (tunnel.kind === 'wireguard') return ok(sized(wireguardSettings(tunnel.spec)));
  const settings = ipsecSettings(tunnel.ipsec, tunnel.spec, path.interfaceName, attachment.resource.spec.profile);
  if (!peer || !settings) {
    return err({
      code: 'invalid-link',
      path: ['spec', 'link', 'ipsec', 'tunnels', tunnel.at],
      message: `the tunnel ${path.interfaceName} is left out: neither psk nor certificate says how its ends know each other`,
    });
  }
  return ok(sized({ ...settings, remoteAddress: peer }));
}

type Sized =
  | Pick<IpsecTunnelIntent, 'kind' | 'remoteAddress' | 'espProposals'>
  | Pick<WireguardLinkIntent, 'kind' | 'peer'>;

/** Bytes of the largest packet inside a tunnel whose outer packets may have `outerMtu` bytes. */
export function largestInside(tunnel: Sized, outerMtu: number): number {
  return tunnel.kind === 'ipsec'
    ? ipsecMtu(outerMtu, tunnel.remoteAddress.family, tunnel.espProposals)
    : wireguardMtu(outerMtu, tunnel.peer.endpoint?.address.family);
}

/** Undefined where the peer comes to us. */
function peerOf(tunnel: Tunnel): Address | undefined {
  if (tunnel.kind === 'ipsec') return parseAddress(tunnel.spec.remoteAddress);
  return parseEndpoint(tunnel.spec.endpoint)?.address;
}

/** A link of which no address is known may have any. */
function carriesFamily({ addresses }: LinkIntent, peer: Address): boolean {
  return addresses.length === 0 || addresses.some(({ address }) => address.family === peer.family);
}

function underlayOf({ attachment, interfaceName, remotes }: LinkIntent): Underlay {
  const gateways = families.map((family) => remotes.find((remote) => remote.family === family));
  return { attachment, interfaceName, gateways: gateways.filter((gateway) => gateway !== undefined) };
}

type OwnOf<T extends TunnelIntent> = Omit<T, keyof LinkIntent | 'underlay' | 'remoteAddress'> & Pick<T, 'kind'>;

function ipsecSettings(
  ipsec: IpsecLink,
  spec: IpsecTunnelSpec,
  interfaceName: string,
  profile: AttachmentProfile | undefined,
): OwnOf<IpsecTunnelIntent> | undefined {
  const authentication = authenticationOf(ipsec, spec, profile);
  if (!authentication) return undefined;
  const localAddress = spec.localAddress ?? ipsec.localAddress;
  return {
    kind: 'ipsec',
    localAddress: localAddress === undefined ? undefined : parseAddress(localAddress),
    localId: spec.localID ?? ipsec.localID,
    remoteId: spec.remoteID ?? ipsec.remoteID,
    authentication,
    ikeProposals: ipsec.ike?.proposals ?? ipsecDefaults.ikeProposals,
    espProposals: ipsec.esp?.proposals ?? ipsecDefaults.espProposals,
    ikeLifetime: parseDurationSeconds(ipsec.ike?.lifetime) ?? ipsecDefaults.ikeLifetime,
    espLifetime: parseDurationSeconds(ipsec.esp?.lifetime) ?? ipsecDefaults.espLifetime,
    rekeyMargin: parseDurationSeconds(ipsec.rekeyMargin) ?? ipsecDefaults.rekeyMargin,
    rekeyFuzz: ipsec.rekeyFuzz ?? ipsecDefaults.rekeyFuzz,
    replayWindow: ipsec.replayWindow ?? ipsecDefaults.replayWindow,
    dpd: {
      delay: parseDurationSeconds(ipsec.dpd?.delay) ?? ipsecDefaults.dpd.delay,
      timeout: parseDurationSeconds(ipsec.dpd?.timeout) ?? ipsecDefaults.dpd.timeout,
    },
    initiates: ipsec.initiate ?? true,
    encapsulates: ipsec.natTraversal ?? 'auto',
    localPort: spec.localPort,
    remotePort: spec.remotePort,
    ifId: Math.max(1, contentNumber(interfaceName)),
  };
}

/** A tunnel's own key before the link's; a certificate where no key is written. */
function authenticationOf(
  ipsec: IpsecLink,
  spec: IpsecTunnelSpec,
  profile: AttachmentProfile | undefined,
): IpsecTunnelIntent['authentication'] | undefined {
  const psk = spec.psk ?? ipsec.psk;
  if (psk) return { kind: 'psk', secret: psk.secretRef, ...(profile === 'aws-vgw-vpn' ? { rules: 'aws' } : {}) };
  const { certificate } = ipsec;
  return (
    certificate && {
      kind: 'certificate',
      certificate: certificate.certificate.secretRef,
      privateKey: certificate.privateKey.secretRef,
      authority: certificate.authority.secretRef,
    }
  );
}

function wireguardSettings(spec: WireguardLink): OwnOf<WireguardLinkIntent> {
  return {
    kind: 'wireguard',
    listenPort: spec.listenPort ?? wireguardDefaults.listenPort,
    peer: {
      publicKey: spec.peerPublicKey,
      presharedKey: spec.presharedKey?.secretRef,
      endpoint: parseEndpoint(spec.endpoint),
      allowFrom: (spec.allowFrom ?? []).map(parseAddressOrCidr).filter((prefix): prefix is Prefix => !!prefix),
      keepalive: parseDurationSeconds(spec.keepalive) ?? wireguardDefaults.keepalive,
    },
  };
}

/** `address:port` or `[address]:port`. */
function parseEndpoint(text: string | undefined): WireguardLinkIntent['peer']['endpoint'] {
  const [, address, port] = /^\[?([^\]]*)\]?:([0-9]+)$/.exec(text ?? '') ?? [];
  const parsed = parseAddress(address ?? '');
  return parsed && { address: parsed, port: Number(port) };
}
