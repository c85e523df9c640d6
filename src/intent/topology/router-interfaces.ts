/**
 * The interfaces of a router as its resources tell them, without asking a kernel.
 *
 *   Router, Attachments, Node, HostEndpoints ─[resolve]→ InterfaceFacts[]
 *
 * Invariant: sorted by name, addresses sorted and without duplicates. A HostEndpoint that names an interface is taken at
 * its word that the interface exists: files alone cannot say better, and policy must not be missing from a plan.
 */
import { compareAddresses, parseAddress } from '../../net/address.ts';
import { hostPrefix, type InterfaceAddress, parseCidr } from '../../net/prefix.ts';
import { linkPaths } from '../../resources/link-paths.ts';
import type { Snapshot } from '../../resources/snapshot.ts';
import type { InterfaceFacts } from '../policy/policy-intent.ts';

/** Interfaces with addresses that bind this router to its links: what Router, Attachments and Node say. */
export function linkInterfaces(snapshot: Snapshot, router: string): InterfaceFacts[] {
  return collectInterfaces(linkAddresses(snapshot, router));
}

/** As `linkInterfaces`, and those that only a HostEndpoint of this node names. */
export function declaredInterfaces(snapshot: Snapshot, router: string): InterfaceFacts[] {
  const named = snapshot
    .list('HostEndpoint')
    .filter(({ spec }) => spec.node === router && spec.interfaceName !== undefined && spec.interfaceName !== '*')
    .map(({ spec }): NamedAddresses => [spec.interfaceName ?? '', spec.expectedIPs ?? []]);
  return collectInterfaces([...linkAddresses(snapshot, router), ...named]);
}

type NamedAddresses = readonly [name: string, addresses: readonly string[]];

function linkAddresses(snapshot: Snapshot, router: string): NamedAddresses[] {
  const found: NamedAddresses[] = [];
  for (const { name, addresses } of snapshot.find('Router', router)?.spec.interfaces ?? []) {
    found.push([name, addresses ?? []]);
  }
  for (const attachment of snapshot.list('Attachment')) {
    if (attachment.spec.router !== router) continue;
    for (const { interfaceName, local } of linkPaths(attachment)) found.push([interfaceName, local]);
  }
  for (const { name, addresses } of snapshot.find('Node', router)?.spec.interfaces ?? []) {
    if (name !== undefined && name !== '') found.push([name, addresses ?? []]);
  }
  return found;
}

function collectInterfaces(found: readonly NamedAddresses[]): InterfaceFacts[] {
  const byName = new Map<string, InterfaceAddress[]>();
  for (const [name, texts] of found) {
    const addresses = byName.get(name) ?? [];
    byName.set(name, addresses);
    for (const text of texts) {
      const parsed = parseInterfaceAddress(text);
      if (parsed) addInterfaceAddress(addresses, parsed);
    }
  }
  return [...byName]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, addresses]) => ({ name, addresses: addresses.sort(compareInterfaceAddresses) }));
}

/** `address/length`, or a bare address, which is taken as a host's. */
export function parseInterfaceAddress(text: string): InterfaceAddress | undefined {
  const cidr = parseCidr(text);
  if (cidr) return cidr;
  const address = parseAddress(text);
  return address && { address, length: hostPrefix(address).length };
}

/** One entry per address: of two, the one with the wider subnet, as a bare expectedIP says nothing about the subnet. */
function addInterfaceAddress(addresses: InterfaceAddress[], added: InterfaceAddress): void {
  const at = addresses.findIndex(({ address }) => compareAddresses(address, added.address) === 0);
  const known = addresses[at];
  if (!known) addresses.push(added);
  else if (added.length < known.length) addresses[at] = added;
}

function compareInterfaceAddresses(a: InterfaceAddress, b: InterfaceAddress): number {
  return compareAddresses(a.address, b.address) || a.length - b.length;
}
