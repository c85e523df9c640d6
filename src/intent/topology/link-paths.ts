/**
 * The devices that an Attachment's link consists of, by name before they exist, with the addresses written for them.
 *
 *   Attachment ─[linkPaths]→ LinkPath[]
 *
 * Invariant: at least one path; names are at most 15 bytes (IFNAMSIZ less its closing NUL), depend on nothing but the
 * Attachment, and are the written ones where some are written.
 */
import { contentHash } from '../../net/content-hash.ts';
import type { IpsecTunnelSpec } from '../../resources/link.ts';
import type { FieldPath, Resource } from '../../resources/resource.ts';

export interface LinkPath {
  readonly interfaceName: string;
  /** As written, and where. */
  readonly local: readonly string[];
  readonly remote: readonly string[];
  readonly at: FieldPath;
}

const maxInterfaceName = 15;
const hashLength = 4;

export function linkPaths({ metadata, spec }: Resource<'Attachment'>): LinkPath[] {
  const { interface: device, vlan, ipsec, wireguard } = spec.link;
  const at = ['spec', 'addresses'];
  const { local = [], remote = [] } = spec.addresses ?? {};
  if (ipsec) {
    // A store may hold a link without tunnels; the guard of the device that it would have stays.
    const written: readonly Partial<IpsecTunnelSpec>[] = ipsec.tunnels ?? [];
    const tunnels = written.length > 0 ? written : [{}];
    return tunnels.map((tunnel, i) => {
      // An Attachment of one tunnel may say its inside addresses in the place where all others say them.
      const isHere = tunnel.addresses !== undefined || tunnels.length > 1;
      return {
        interfaceName: tunnel.interface ?? deviceName(metadata.name, `-${i + 1}`),
        local: isHere ? (tunnel.addresses?.local ?? []) : local,
        remote: isHere ? (tunnel.addresses?.remote ?? []) : remote,
        at: isHere ? ['spec', 'link', 'ipsec', 'tunnels', i, 'addresses'] : at,
      };
    });
  }
  const interfaceName = vlan
    ? // `ip link add link PARENT name PARENT.ID type vlan id ID` is the naming every distribution uses.
      deviceName(vlan.parent, `.${vlan.id}`)
    : (device?.name ?? wireguard?.interface ?? deviceName(metadata.name, ''));
  return [{ interfaceName, local, remote, at }];
}

/** The base and the ending where both fit, else the beginning of the base, a hash of all of it, and the ending. */
function deviceName(base: string, ending: string): string {
  const room = maxInterfaceName - ending.length;
  const plain = base.replaceAll('.', '-');
  if (plain.length <= room) return `${plain}${ending}`;
  return `${plain.slice(0, room - hashLength)}${contentHash(base).slice(0, hashLength)}${ending}`;
}
