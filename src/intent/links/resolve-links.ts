/**
 * What carries each Attachment of one router.
 *
 *   Topology ─[resolveLinks]→ LinkIntent[], warnings
 *
 * Invariant: total: a store may hold a link that no validation ever saw, so each is read by its schema once more, and one
 * that does not pass is left out and named. Nothing is half resolved: a tunnel whose underlay is missing is no tunnel.
 */
import { maxUnderlays } from '../../resources/link-paths.ts';
import type { FieldPath } from '../../resources/resource.ts';
import type { Warning } from '../router-intent.ts';
import type { AttachmentFacts, Topology } from '../topology/topology.ts';
import type { LinkIntent } from './links-intent.ts';
import { readLink } from './read-link.ts';
import { largestInside, resolveTunnel, type Tunnel, type TunnelIntent } from './resolve-tunnel.ts';
import { clampOf, ethernetMtu } from './tunnel-mtu.ts';
import { findUnderlay } from './underlays.ts';

/** Bytes that every IPv6 link carries (RFC 8200 §5). */
const ipv6Mtu = 1280;

export interface ResolvedLinks {
  /** Sorted by interface name, each name once. */
  readonly links: readonly LinkIntent[];
  readonly warnings: readonly Warning[];
}

export function resolveLinks({ attachments }: Topology): ResolvedLinks {
  const facts = new Map(attachments.map((attachment) => [attachment.name, attachment]));
  const resolved = new Map<string, ResolvedLinks>();
  const links = new Map<string, LinkIntent>();
  const warnings: Warning[] = [];
  for (const attachment of attachments) {
    const own = resolveAttachment(attachment, facts, resolved);
    warnings.push(...own.warnings);
    for (const link of own.links) {
      const owner = links.get(link.interfaceName);
      if (owner === undefined) links.set(link.interfaceName, link);
      // Two Attachments may share a device that is there; what is made is made for one.
      else if (owner.kind !== 'interface' || link.kind !== 'interface') warnings.push(warnOfOwner(attachment, owner));
    }
  }
  const sorted = [...links.values()].sort((a, b) => (a.interfaceName < b.interfaceName ? -1 : 1));
  return { links: tellApart(sorted), warnings };
}

/** Two names may have one number, and then one tunnel would take the other's packets: the later by name takes the next. */
function tellApart(links: readonly LinkIntent[]): readonly LinkIntent[] {
  const taken = new Set<number>();
  return links.map((link) => {
    if (link.kind !== 'ipsec') return link;
    let { ifId } = link;
    while (taken.has(ifId)) ifId = (ifId % 0xffff_ffff) + 1;
    taken.add(ifId);
    return ifId === link.ifId ? link : { ...link, ifId };
  });
}

/** The links of an Attachment, after those that it runs over: a chain of those ends, or it is refused. */
function resolveAttachment(
  attachment: AttachmentFacts,
  facts: ReadonlyMap<string, AttachmentFacts>,
  resolved: Map<string, ResolvedLinks>,
): ResolvedLinks {
  const known = resolved.get(attachment.name);
  if (known) return known;
  const choice = findUnderlay(attachment, facts);
  let own: ResolvedLinks;
  switch (choice.kind) {
    case 'routed':
      own = makeLinks(attachment, undefined);
      break;
    case 'over':
      own = makeLinks(attachment, resolveAttachment(choice.attachment, facts, resolved).links);
      break;
    case 'missing':
      own = refuse(
        attachment,
        'missing-underlay',
        ['spec', 'over'],
        `no Attachment ${choice.name} joins this router to a Site that exists: the link is left out until one does`,
      );
      break;
    case 'deep':
      own = refuse(
        attachment,
        'underlay-depth',
        ['spec', 'over'],
        `more than ${maxUnderlays} links would lie below this one: it is left out until it runs over one further down`,
      );
      break;
    case 'loop':
      own = refuse(
        attachment,
        'underlay-loop',
        ['spec', 'over'],
        `the link would be carried by itself (${choice.names.join(' over ')}) and is left out: end the chain at a link that needs no other`,
      );
      break;
  }
  resolved.set(attachment.name, own);
  return own;
}

/** `carriers` are the links that the outer packets take; undefined leaves that to the router's routes. */
function makeLinks(attachment: AttachmentFacts, carriers: readonly LinkIntent[] | undefined): ResolvedLinks {
  const read = readLink(attachment);
  if (!read.ok)
    return refuse(attachment, 'invalid-link', read.error.path, `the link is left out: ${read.error.reason}`);
  const { interface: device, vlan, ipsec, wireguard } = read.value;
  if (ipsec) {
    return makeTunnels(
      attachment,
      ipsec.tunnels.map((spec, at) => ({ kind: 'ipsec', ipsec, spec, at })),
      carriers,
    );
  }
  if (wireguard) return makeTunnels(attachment, [{ kind: 'wireguard', spec: wireguard }], carriers);
  const [path] = attachment.paths;
  if (!path) return { links: [], warnings: [] };
  const { mtu, mssClamp = false, profile } = attachment.resource.spec;
  // A private virtual interface carries 1500 bytes unless it was asked for more, whatever its parent is set to.
  const size = mtu ?? (vlan && profile === 'aws-dx-private-vif' ? ethernetMtu : undefined);
  const base = {
    attachment: attachment.name,
    interfaceName: path.interfaceName,
    addresses: path.local,
    remotes: path.remote,
    mtu: size,
    mssClamp: clampOf(mssClamp, size ?? ethernetMtu),
  };
  if (vlan) return { links: [{ kind: 'vlan', ...base, parent: vlan.parent, id: vlan.id }], warnings: [] };
  return { links: device ? [{ kind: 'interface', ...base }] : [], warnings: [] };
}

function makeTunnels(
  attachment: AttachmentFacts,
  tunnels: readonly Tunnel[],
  carriers: readonly LinkIntent[] | undefined,
): ResolvedLinks {
  if (carriers?.length === 0) {
    const reason = `the link of Attachment ${attachment.resource.spec.over} is left out, and so is what runs over it`;
    return refuse(attachment, 'missing-underlay', ['spec', 'over'], reason);
  }
  const links: LinkIntent[] = [];
  const warnings: Warning[] = [];
  for (const [i, tunnel] of tunnels.entries()) {
    const path = attachment.paths[i];
    // Several tunnels spread over the several links of their underlay.
    const carrier = carriers?.[i % carriers.length];
    const made = path && resolveTunnel(attachment, path, tunnel, carrier);
    if (made?.ok) {
      links.push(made.value);
      warnings.push(...warnOfSize(attachment, made.value, carrier?.mtu));
    } else if (made) warnings.push({ subject: attachment.resource, ...made.error });
  }
  return { links, warnings };
}

/** `outerMtu` is undefined where nobody knows what lies below. */
function warnOfSize({ resource }: AttachmentFacts, tunnel: TunnelIntent, outerMtu: number | undefined): Warning[] {
  const written = resource.spec.mtu;
  const most = outerMtu === undefined ? Number.POSITIVE_INFINITY : largestInside(tunnel, outerMtu);
  if (written !== undefined && written > most) {
    const message = `packets of ${written} bytes do not fit into Attachment ${resource.spec.over} once encrypted, and are fragmented or lost: write ${most} or less, or nothing`;
    return [{ code: 'mtu-exceeds-underlay', subject: resource, path: ['spec', 'mtu'], message }];
  }
  const isIpv6 = tunnel.addresses.some(({ address }) => address.family === 6);
  if (written !== undefined || !isIpv6 || tunnel.mtu === undefined || tunnel.mtu >= ipv6Mtu) return [];
  const message = `packets of ${tunnel.mtu} bytes at most fit into Attachment ${resource.spec.over} once encrypted, and IPv6 needs ${ipv6Mtu} (RFC 8200): the kernel takes its addresses off ${tunnel.interfaceName}; run over a larger link, or take them out`;
  return [{ code: 'mtu-below-ipv6', subject: resource, path: ['spec', 'over'], message }];
}

function refuse(attachment: AttachmentFacts, code: string, path: FieldPath, message: string): ResolvedLinks {
  return { links: [], warnings: [{ code, subject: attachment.resource, path, message }] };
}

function warnOfOwner({ resource }: AttachmentFacts, { interfaceName, attachment }: LinkIntent): Warning {
  return {
    code: 'duplicate-interface',
    subject: resource,
    path: ['spec', 'link'],
    message: `interface ${interfaceName} is that of Attachment ${attachment} already: this link is left out until one of them has another name`,
  };
}
