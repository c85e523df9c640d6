/**
 * Devices, tags, ports and subnets of one router's links: what is made is made once.
 */
import {
  containsPrefix,
  maskAddress,
  networkAddress,
  type Prefix,
  parseCidr,
  parsePrefix,
  printPrefix,
} from '../../net/prefix.ts';
import { printFieldPath } from '../document.ts';
import { freeInsideBlock } from '../inside-addresses.ts';
import { linkPaths } from '../link-paths.ts';
import type { FieldPath, Resource } from '../resource.ts';
import type { Snapshot } from '../snapshot.ts';
import { wireguardDefaults } from '../tunnel-defaults.ts';
import { error, type Finding, type ReferenceCheck, warning } from './finding.ts';

type Attachment = Resource<'Attachment'>;

/** A tag is one link of its parent, and no tag stands inside another. */
export const tagsDistinct: ReferenceCheck = function* (snapshot) {
  const makers = madeDevices(snapshot);
  const owners = new Map<string, Attachment>();
  for (const attachment of snapshot.list('Attachment')) {
    const { router, link } = attachment.spec;
    if (!link.vlan) continue;
    const { parent, id } = link.vlan;
    const maker = makers.get(`${router} ${parent}`);
    if (maker) {
      const reason = `${parent} is the device of Attachment ${maker.metadata.name}, and a tag inside a link of ours is not supported: write the name of an interface that is there`;
      yield error(attachment, ['spec', 'link', 'vlan', 'parent'], reason);
    }
    const key = `${router} ${parent} ${id}`;
    const owner = owners.get(key);
    if (owner) {
      const reason = `tag ${id} on ${parent} is that of Attachment ${owner.metadata.name} on Router ${router} already: a tag is one link, so write another`;
      yield error(attachment, ['spec', 'link', 'vlan', 'id'], reason);
    } else owners.set(key, attachment);
  }
};

/** The tag of a virtual interface stands as long as it does: AWS has no call that changes it. */
export function* tagsFixed(before: Snapshot, after: Snapshot): Iterable<Finding> {
  for (const attachment of after.list('Attachment')) {
    const old = before.find('Attachment', attachment.metadata.name)?.spec;
    const { link, profile } = attachment.spec;
    if (profile !== 'aws-dx-private-vif' || old?.profile !== profile || !link.vlan || !old.link.vlan) continue;
    if (link.vlan.id === old.link.vlan.id) continue;
    const reason = `the tag was ${old.link.vlan.id}, and that of a virtual interface cannot be changed: this is right only if it is another virtual interface`;
    yield warning(attachment, ['spec', 'link', 'vlan', 'id'], reason);
  }
}

/** Devices that links make, by router and name; the first Attachment that names one has it. */
function madeDevices(snapshot: Snapshot): Map<string, Attachment> {
  const makers = new Map<string, Attachment>();
  for (const attachment of snapshot.list('Attachment')) {
    if (attachment.spec.link.interface) continue;
    for (const { interfaceName } of linkPaths(attachment)) {
      const key = `${attachment.spec.router} ${interfaceName}`;
      if (!makers.has(key)) makers.set(key, attachment);
    }
  }
  return makers;
}

/** What a link makes is no other link's device, nor a second one's of its own; devices that are there may be shared. */
export const devicesDistinct: ReferenceCheck = function* (snapshot) {
  const makers = madeDevices(snapshot);
  for (const attachment of snapshot.list('Attachment')) {
    const { router, link } = attachment.spec;
    const own = new Set<string>();
    for (const [i, { interfaceName }] of linkPaths(attachment).entries()) {
      if (own.has(interfaceName)) {
        const reason = `${interfaceName} is the device of another tunnel of this Attachment: give one of them another interface`;
        yield error(attachment, ['spec', 'link', 'ipsec', 'tunnels', i], reason);
      }
      own.add(interfaceName);
      const maker = makers.get(`${router} ${interfaceName}`);
      if (!maker || maker === attachment || isSameTag(maker, attachment)) continue;
      const reason = `${interfaceName} is the device that the link of Attachment ${maker.metadata.name} makes on Router ${router}: ${link.interface ? 'an Attachment has one link, so join the two' : 'give one of them another name'}`;
      yield error(attachment, link.interface ? ['spec', 'link', 'interface', 'name'] : ['spec', 'link'], reason);
    }
  }
};

/** An interface that a Router lists with addresses of its own is there already: no link of ours makes it. */
export const devicesUnlisted: ReferenceCheck = function* (snapshot) {
  const routers = new Map(
    snapshot.list('Router').map((router) => [router.metadata.name, router.spec.interfaces ?? []]),
  );
  for (const attachment of snapshot.list('Attachment')) {
    const { router, link } = attachment.spec;
    if (link.interface) continue;
    for (const [i, { interfaceName, local }] of linkPaths(attachment).entries()) {
      const listed = routers.get(router)?.find(({ name }) => name === interfaceName)?.addresses ?? [];
      const others = listed.filter((address) => !local.includes(address));
      if (others.length === 0) continue;
      const what = link.vlan ? `tag ${link.vlan.id} on ${link.vlan.parent}` : 'the device of this link';
      const reason = `${what} is interface ${interfaceName} of Router ${router}, listed there with ${others.join(', ')}: write link.interface {name: ${interfaceName}} if somebody else makes it, or move the addresses here`;
      const path = link.vlan ? ['vlan', 'id'] : link.ipsec ? ['ipsec', 'tunnels', i] : ['wireguard'];
      yield error(attachment, ['spec', 'link', ...path], reason);
    }
  }
};

function isSameTag({ spec: { link: a } }: Attachment, { spec: { link: b } }: Attachment): boolean {
  return a.vlan !== undefined && a.vlan.parent === b.vlan?.parent && a.vlan.id === b.vlan.id;
}

/** IKE has its two ports wherever there is an IPsec tunnel (RFC 7296 §2, RFC 3948), and those that are written. */
const ikePorts = [500, 4500];

/** Two WireGuard devices of a router cannot listen on one UDP port. */
export const listenPortsDistinct: ReferenceCheck = function* (snapshot) {
  const owners = new Map<string, string>();
  for (const { metadata, spec } of snapshot.list('Attachment')) {
    const written = spec.link.ipsec?.tunnels.flatMap(({ localPort }) => localPort ?? []);
    for (const port of written ? [...ikePorts, ...written] : []) owners.set(`${spec.router} ${port}`, metadata.name);
  }
  for (const attachment of snapshot.list('Attachment')) {
    const { router, link } = attachment.spec;
    if (!link.wireguard) continue;
    const port = link.wireguard.listenPort ?? wireguardDefaults.listenPort;
    const owner = owners.get(`${router} ${port}`);
    if (owner === undefined) owners.set(`${router} ${port}`, attachment.metadata.name);
    else {
      let free: number = wireguardDefaults.listenPort;
      while (owners.has(`${router} ${free}`)) free++;
      const reason = `UDP port ${port} of Router ${router} is that of Attachment ${owner} already: write another listenPort, such as ${free}`;
      const path = ['spec', 'link', 'wireguard'];
      yield error(attachment, link.wireguard.listenPort === undefined ? path : [...path, 'listenPort'], reason);
    }
  }
};

interface Subnet {
  readonly prefix: Prefix;
  readonly interfaceName: string;
  readonly resource: Resource<'Router'> | Attachment;
  readonly path: FieldPath;
}

const linkLocals = ['169.254.0.0/16', 'fe80::/10'].flatMap((text) => parsePrefix(text) ?? []);

/** The kernel reaches an address by one interface only: where subnets of two overlap, one of them loses some of its own. */
export const subnetsDistinct: ReferenceCheck = function* (snapshot) {
  const attachments = new Map<string, Attachment[]>();
  for (const attachment of snapshot.list('Attachment')) {
    const { router } = attachment.spec;
    attachments.set(router, [...(attachments.get(router) ?? []), attachment]);
  }
  for (const router of snapshot.list('Router')) {
    yield* findOverlaps(subnetsOf(router, attachments.get(router.metadata.name) ?? []));
  }
};

/** Of equal subnets the later one is told, of nested ones the inner. */
function* findOverlaps(subnets: readonly Subnet[]): Iterable<Finding> {
  const known = new Map<string, Subnet[]>();
  const lengths = new Set<number>();
  for (const subnet of subnets) {
    const text = printPrefix(subnet.prefix);
    const same = known.get(text) ?? [];
    known.set(text, same);
    // Two interfaces that share one are told once; then the second is as good an owner as the first.
    if (!same.some(({ interfaceName }) => interfaceName === subnet.interfaceName)) same.push(subnet);
    lengths.add(subnet.prefix.length);
  }
  let free: Prefix | undefined;
  for (const subnet of subnets) {
    const outer = outerOf(subnet, known, lengths);
    if (!outer) continue;
    free ??= freeInsideBlock(subnets.map(({ prefix }) => prefix));
    const instead = free && isLinkLocal(subnet.prefix) ? `, such as ${printPrefix(free)}` : '';
    const [own, theirs] = [printPrefix(subnet.prefix), printPrefix(outer.prefix)];
    const what = own === theirs ? `${own} is the subnet` : `${own} lies in ${theirs}, the subnet`;
    const reason = `${what} of interface ${outer.interfaceName} (${placeOf(outer)}), and an address is reached by one interface: write another${instead}`;
    yield error(subnet.resource, subnet.path, reason);
  }
}

/** The narrowest subnet of another interface that holds this one; of an equal one only where it was listed before. */
function outerOf(
  subnet: Subnet,
  known: ReadonlyMap<string, readonly Subnet[]>,
  lengths: ReadonlySet<number>,
): Subnet | undefined {
  const { prefix, interfaceName } = subnet;
  for (let length = prefix.length; length >= 0; length--) {
    if (!lengths.has(length)) continue;
    const owners = known.get(printPrefix(maskAddress(networkAddress(prefix), length))) ?? [];
    const other = owners.find((owner) => owner.interfaceName !== interfaceName);
    const isFirst = length === prefix.length && owners[0]?.interfaceName === interfaceName;
    if (other && !isFirst) return other;
  }
  return undefined;
}

function placeOf({ resource, path }: Subnet): string {
  return `${resource.kind} ${resource.metadata.name} ${printFieldPath(path)}`;
}

function isLinkLocal(prefix: Prefix): boolean {
  return linkLocals.some((range) => containsPrefix(range, prefix));
}

function subnetsOf(router: Resource<'Router'>, attachments: readonly Attachment[]): Subnet[] {
  const found: Subnet[] = [];
  const add = (text: string, interfaceName: string, resource: Subnet['resource'], path: FieldPath): void => {
    const cidr = parseCidr(text);
    if (!cidr) return;
    const prefix = maskAddress(cidr.address, cidr.length);
    // A host's own prefix is no subnet, and every interface has fe80::/64.
    const isHost = cidr.length === (cidr.address.family === 4 ? 32 : 128);
    const isEverywhere = cidr.address.family === 6 && isLinkLocal(prefix);
    if (!isHost && !isEverywhere) found.push({ prefix, interfaceName, resource, path });
  };
  for (const [i, { name, addresses = [] }] of (router.spec.interfaces ?? []).entries()) {
    for (const [j, text] of addresses.entries()) add(text, name, router, ['spec', 'interfaces', i, 'addresses', j]);
  }
  for (const attachment of attachments) {
    for (const { interfaceName, local, at } of linkPaths(attachment)) {
      for (const [i, text] of local.entries()) add(text, interfaceName, attachment, [...at, 'local', i]);
    }
  }
  return found;
}
