/**
 * The nft sets that hold what selectors select.
 *
 *   AddressSet, PortSet ─[compile]→ NftSet
 *
 * An address set becomes two nft sets per family, hosts and prefixes, both there if rules ask them: adding a host to a hash
 * set costs microseconds at any size, and a change of labels moves elements, never a rule.
 * Invariant: prefixes of one set do not contain each other, because the kernel refuses overlapping intervals.
 */
import type { AddressSet, PortSet, PortSetMember, SetId } from '../intent/policy/policy-intent.ts';
import { type Family, families } from '../net/address.ts';
import { comparePrefixes, isHost, type Prefix, printPrefix } from '../net/prefix.ts';
import { pruneContained } from './box.ts';
import { objectName } from './names.ts';
import type { Field, Key, NftSet, Side } from './ruleset.ts';

export function addressSetName(id: SetId, family: Family, holds: 'hosts' | 'prefixes'): string {
  return setName(`s${family}${holds === 'hosts' ? 'h' : 'p'}`, id);
}

export function portSetName(id: SetId, family: Family): string {
  return setName(`ports${family}`, id);
}

/** A set's id is a hash already; anything else is hashed here. */
function setName(prefix: string, id: SetId): string {
  const hash = /^[sp]:([a-z0-9]{1,64})$/.exec(id)?.[1];
  return hash === undefined ? objectName(prefix, id, id) : `${prefix}-${hash}`;
}

export function portSetFields(family: Family, side: Side): readonly Field[] {
  return [{ kind: 'address', family, side }, { kind: 'protocol' }, { kind: 'port', side }];
}

/** The nft sets of these names. A copy: the members may be an index that lives on and changes. */
export function compileAddressSet(set: AddressSet, names: { has(name: string): boolean }): readonly NftSet[] {
  return families.flatMap((family) => {
    const asked = (['hosts', 'prefixes'] as const).filter((holds) => names.has(addressSetName(set.id, family, holds)));
    if (asked.length === 0) return [];
    const hosts = new Map<string, Prefix>();
    const prefixes: Prefix[] = [];
    for (const [text, prefix] of set.members) {
      if (prefix.family !== family) continue;
      if (isHost(prefix)) hosts.set(text, prefix);
      else prefixes.push(prefix);
    }
    return [
      addressNftSet(set.id, family, 'hosts', hosts),
      addressNftSet(set.id, family, 'prefixes', byPrintedPrefix(pruneContained(prefixes.sort(comparePrefixes)))),
    ];
  });
}

function addressNftSet(
  id: SetId,
  family: Family,
  holds: 'hosts' | 'prefixes',
  elements: ReadonlyMap<string, Prefix>,
): NftSet {
  return { kind: 'addresses', name: addressSetName(id, family, holds), family, holds, elements };
}

function byPrintedPrefix(prefixes: readonly Prefix[]): ReadonlyMap<string, Prefix> {
  return new Map(prefixes.map((prefix) => [printPrefix(prefix), prefix]));
}

/** The fields name the source side; a set's declaration is the same for either. */
export function compilePortSet(set: PortSet): readonly NftSet[] {
  return families.map((family) => {
    const byPort = new Map<string, PortSetMember[]>();
    for (const member of set.members.values()) {
      if (member.prefix.family !== family) continue;
      const port = `${member.protocol}:${member.port}`;
      byPort.set(port, [...(byPort.get(port) ?? []), member]);
    }
    const elements = new Map<string, Key>();
    for (const members of byPort.values()) {
      const [{ protocol, port } = { protocol: 0, port: 0 }] = members;
      for (const prefix of pruneContained(members.map((member) => member.prefix).sort(comparePrefixes))) {
        elements.set(`${printPrefix(prefix)},${protocol}:${port}`, [
          { kind: 'prefix', prefix },
          { kind: 'range', first: protocol, last: protocol },
          { kind: 'range', first: port, last: port },
        ]);
      }
    }
    return { kind: 'tuples', name: portSetName(set.id, family), fields: portSetFields(family, 'source'), elements };
  });
}
