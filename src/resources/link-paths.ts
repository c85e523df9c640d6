/**
 * The devices that an Attachment's link consists of, by name before they exist, with the addresses written for them.
 *
 *   Attachment ─[linkPaths]→ LinkPath[]
 *
 * Invariant: at least one path; names are at most 15 bytes (IFNAMSIZ less its closing NUL), depend on nothing but the
 * Attachment, and are the written ones where some are written.
 */
import { contentHash } from '../net/content-hash.ts';
import type { AttachmentSpec } from './attachment.ts';
import type { AttachmentLink, IpsecTunnelSpec } from './link.ts';
import type { FieldPath, Resource } from './resource.ts';

/** What is written for both ends of one device, and where. */
export interface LinkEnds {
  readonly local: readonly string[];
  readonly remote: readonly string[];
  /** Of the object that holds both, below the spec. */
  readonly at: FieldPath;
}

export interface LinkPath extends LinkEnds {
  readonly interfaceName: string;
  /** Below the resource. */
  readonly at: FieldPath;
}

/** Links that may lie below one another: each takes its share of every packet. */
export const maxUnderlays = 8;
const maxInterfaceName = 15;
const hashLength = 4;

export function linkPaths({ metadata, spec }: Resource<'Attachment'>): LinkPath[] {
  const { link, addresses } = spec;
  return linkEnds(link, addresses).map((ends, i) => ({
    ...ends,
    at: ['spec', ...ends.at],
    interfaceName: nameDevice(metadata.name, link, i),
  }));
}

/** One entry for each device. */
export function linkEnds({ ipsec }: Partial<AttachmentLink>, addresses: AttachmentSpec['addresses']): LinkEnds[] {
  const { local = [], remote = [] } = addresses ?? {};
  const whole = { local, remote, at: ['addresses'] };
  if (!ipsec) return [whole];
  const tunnels = tunnelsOf(ipsec);
  return tunnels.map((tunnel, i) => {
    // An Attachment of one tunnel may say its inside addresses in the place where all others say them.
    if (tunnel.addresses === undefined && tunnels.length === 1) return whole;
    return {
      local: tunnel.addresses?.local ?? [],
      remote: tunnel.addresses?.remote ?? [],
      at: ['link', 'ipsec', 'tunnels', i, 'addresses'],
    };
  });
}

/** A store may hold a link without tunnels; the guard of the device that it would have stays. */
function tunnelsOf({
  tunnels,
}: {
  readonly tunnels?: readonly Partial<IpsecTunnelSpec>[];
}): readonly Partial<IpsecTunnelSpec>[] {
  return tunnels && tunnels.length > 0 ? tunnels : [{}];
}

function nameDevice(attachment: string, { interface: device, vlan, ipsec, wireguard }: AttachmentLink, i: number) {
  if (ipsec) return tunnelsOf(ipsec)[i]?.interface ?? deviceName(attachment, `-${i + 1}`);
  // `ip link add link PARENT name PARENT.ID type vlan id ID` is the naming every distribution uses.
  if (vlan) return deviceName(vlan.parent, `.${vlan.id}`);
  return device?.name ?? wireguard?.interface ?? deviceName(attachment, '');
}

/** The base and the ending where both fit, else the beginning of the base, a hash of all of it, and the ending. */
function deviceName(base: string, ending: string): string {
  const room = maxInterfaceName - ending.length;
  const plain = base.replaceAll('.', '-');
  if (plain.length <= room) return `${plain}${ending}`;
  return `${plain.slice(0, room - hashLength)}${contentHash(base).slice(0, hashLength)}${ending}`;
}
