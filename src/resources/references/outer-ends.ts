/**
 * The outside addresses of one router's tunnels: whose they are, and that no two tunnels have the same.
 */
import { type Address, type Family, parseAddress, printAddress } from '../../net/address.ts';
import { parseCidr } from '../../net/prefix.ts';
import { linkPaths } from '../link-paths.ts';
import { endpointAddress } from '../outer-address-rules.ts';
import type { FieldPath, Resource } from '../resource.ts';
import type { Snapshot } from '../snapshot.ts';
import { error, type Finding, type ReferenceCheck, warning } from './finding.ts';

type Attachment = Resource<'Attachment'>;

export interface OuterPeer {
  readonly address: Address;
  /** Of the field that names it. */
  readonly path: FieldPath;
}

/** Outside addresses of the other ends; a WireGuard peer that comes to us has none. */
export function outerPeers({ spec: { link } }: Attachment): readonly OuterPeer[] {
  const tunnels = (link.ipsec?.tunnels ?? []).flatMap(({ remoteAddress }, i): OuterPeer[] => {
    const address = parseAddress(remoteAddress);
    return address ? [{ address, path: ['spec', 'link', 'ipsec', 'tunnels', i, 'remoteAddress'] }] : [];
  });
  const endpoint = endpointAddress(link.wireguard?.endpoint);
  return endpoint ? [...tunnels, { address: endpoint, path: ['spec', 'link', 'wireguard', 'endpoint'] }] : tunnels;
}

/** A peer is another machine, an end of ours one of our addresses, and each tunnel can be told from the next. */
export const outerEndsFit: ReferenceCheck = function* (snapshot) {
  const owned = addressesByRouter(snapshot);
  const tunnels = new Map<string, string>();
  for (const attachment of snapshot.list('Attachment')) {
    const own = owned.get(attachment.spec.router) ?? noAddresses();
    for (const { address, path } of outerPeers(attachment)) {
      if (!own.all.has(printAddress(address))) continue;
      const reason = `${printAddress(address)} is an address of Router ${attachment.spec.router} itself: a tunnel leads to another machine`;
      yield error(attachment, path, reason);
    }
    yield* checkLocal(attachment, own);
    yield* checkRepeated(attachment, tunnels);
  }
};

interface OwnAddresses {
  readonly all: Set<string>;
  /** Of which something is known outside of tunnels: a file may leave out what a machine has. */
  readonly families: Set<Family>;
}

function noAddresses(): OwnAddresses {
  return { all: new Set(), families: new Set() };
}

/** What Routers and Attachments say. */
function addressesByRouter(snapshot: Snapshot): ReadonlyMap<string, OwnAddresses> {
  const owned = new Map<string, OwnAddresses>();
  const add = (router: string, texts: readonly string[], isOutside: boolean): void => {
    const known = owned.get(router) ?? noAddresses();
    owned.set(router, known);
    for (const { address } of texts.flatMap((text) => parseCidr(text) ?? [])) {
      known.all.add(printAddress(address));
      if (isOutside) known.families.add(address.family);
    }
  };
  for (const { metadata, spec } of snapshot.list('Router')) {
    for (const { addresses = [] } of spec.interfaces ?? []) add(metadata.name, addresses, true);
  }
  for (const attachment of snapshot.list('Attachment')) {
    const { link, router } = attachment.spec;
    for (const { local } of linkPaths(attachment)) add(router, local, !link.ipsec && !link.wireguard);
  }
  return owned;
}

/** A tunnel may start inside another; where no address of a family is written, nothing is known of that family. */
function* checkLocal(attachment: Attachment, own: OwnAddresses): Iterable<Finding> {
  const { router, link } = attachment.spec;
  const { ipsec } = link;
  if (!ipsec) return;
  const at = ['spec', 'link', 'ipsec'];
  const written: [string | undefined, FieldPath][] = [
    [ipsec.localAddress, [...at, 'localAddress']],
    ...ipsec.tunnels.map(({ localAddress }, i): [string | undefined, FieldPath] => [
      localAddress,
      [...at, 'tunnels', i, 'localAddress'],
    ]),
  ];
  for (const [text, path] of written) {
    const address = parseAddress(text ?? '');
    if (!address || own.all.has(printAddress(address)) || !own.families.has(address.family)) continue;
    const reason = `${printAddress(address)} is on no interface that is written for Router ${router}: correct it, or list it there; behind a NAT write the router's own address, and the other as localID`;
    yield warning(attachment, path, reason);
  }
}

/** `tunnels` remembers those that were seen, by all that a packet outside shows of them. */
function* checkRepeated(attachment: Attachment, tunnels: Map<string, string>): Iterable<Finding> {
  const { router, link } = attachment.spec;
  for (const [i, tunnel] of (link.ipsec?.tunnels ?? []).entries()) {
    const { remoteAddress, localPort, remotePort } = tunnel;
    const local = tunnel.localAddress ?? link.ipsec?.localAddress;
    const ids = [tunnel.localID ?? link.ipsec?.localID, tunnel.remoteID ?? link.ipsec?.remoteID];
    const key = JSON.stringify([router, local, remoteAddress, localPort, remotePort, ids]);
    const first = tunnels.get(key);
    const here = `tunnels[${i}] of Attachment ${attachment.metadata.name}`;
    if (first === undefined) tunnels.set(key, here);
    else {
      const reason = `has the same ends outside as ${first}: the peer cannot tell them apart, and to the network both are one flow; give one of them a localPort, and the peer the same remotePort`;
      yield warning(attachment, ['spec', 'link', 'ipsec', 'tunnels', i], reason);
    }
  }
}
