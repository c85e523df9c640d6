/**
 * The ruleset as text for `nft -f`.
 *
 *   Ruleset ─[printRuleset]→ nft text
 *
 * Invariant: equal rulesets give equal bytes, whatever the order in which their sets were filled; every name, prefix and
 * comment in the text went through names, keys or log-prefix, so no user's word can leave its quotes.
 */
import { printAddress } from '../net/address.ts';
import { isHost, networkAddress, type Prefix, printPrefix } from '../net/prefix.ts';
import { printClass, printKey } from './keys.ts';
import { printField, printRule, printVerdict } from './print-rule.ts';
import {
  type Chain,
  type ClassMap,
  type MapElement,
  type NftSet,
  type Ruleset,
  tableName,
  type VerdictMap,
} from './ruleset.ts';

/** A whole file: the old table goes and the new one comes in one transaction. The table need not exist. */
export function printRuleset(ruleset: Ruleset): string {
  return `${printRemoval()}${printTable(ruleset)}`;
}

/** Removes the table, whether or not it exists, and nothing else. */
export function printRemoval(): string {
  return `add table inet ${tableName}\ndelete table inet ${tableName}\n`;
}

/** The table alone, as `render` shows it. */
export function printTable(ruleset: Ruleset): string {
  const { sets, maps, classes, chains } = ruleset;
  return printObjects(byName(sets), byName(maps), byName(classes), byName(chains));
}

function byName<T>(objects: ReadonlyMap<string, T>): readonly T[] {
  return [...objects].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, object]) => object);
}

/** The table with these objects in it. */
function printObjects(
  sets: readonly NftSet[],
  maps: readonly VerdictMap[],
  classes: readonly ClassMap[],
  chains: readonly Chain[],
): string {
  const blocks = [
    ...sets.map(printSet),
    ...classes.map(printClasses),
    ...maps.map(printMap),
    ...chains.map(printChain),
  ];
  return `table inet ${tableName} {\n${blocks.map((lines) => `${lines.join('\n')}\n`).join('\n')}}\n`;
}

/** The lines of a set's declaration, without its elements. */
export function setDeclaration(set: NftSet): readonly string[] {
  switch (set.kind) {
    case 'addresses': {
      const type = `type ${set.family === 4 ? 'ipv4_addr' : 'ipv6_addr'}`;
      return set.holds === 'hosts' ? [type] : [type, 'flags interval'];
    }
    case 'tuples':
      return [`typeof ${set.fields.map(printField).join(' . ')}`, 'flags interval'];
  }
}

export function mapDeclaration(map: VerdictMap): readonly string[] {
  const lines = [`typeof ${map.fields.map(printField).join(' . ')} : verdict`];
  if (map.isInterval) lines.push('flags interval');
  // The kernel takes counters on elements only where the map declares them.
  if (!map.isUncounted) lines.push('counter');
  return lines;
}

export function classDeclaration(map: ClassMap): readonly string[] {
  const type = `type ${map.family === 4 ? 'ipv4_addr' : 'ipv6_addr'} : classid`;
  return map.isInterval ? [type, 'flags interval'] : [type];
}

export function classElementTexts(map: ClassMap): readonly string[] {
  return [...map.classes].map(([key, number]) => `${key} : ${printClass(number)}`).sort();
}

function printClasses(map: ClassMap): readonly string[] {
  return printDeclared(`map ${map.name}`, classDeclaration(map), classElementTexts(map));
}

/** Sorted, so that the order in which members came and went never shows. */
export function setElementTexts(set: NftSet): readonly string[] {
  switch (set.kind) {
    case 'addresses':
      return [...set.elements.values()].map(printSetAddress).sort();
    case 'tuples':
      return [...set.elements.values()].map(printKey).sort();
  }
}

export function printSetAddress(prefix: Prefix): string {
  return isHost(prefix) ? printAddress(networkAddress(prefix)) : printPrefix(prefix);
}

export function printMapElement({ isUncounted }: VerdictMap, { key, verdict, comment }: MapElement): string {
  if (isUncounted) return `${printKey(key)} : ${printVerdict(verdict)}`;
  const words = comment === undefined ? 'counter' : `counter comment "${comment}"`;
  return `${printKey(key)} ${words} : ${printVerdict(verdict)}`;
}

export function baseDeclaration(chain: Chain): string | undefined {
  if (!chain.base) return undefined;
  return `type filter hook ${chain.base.hook} priority ${chain.base.priority}; policy accept;`;
}

function printSet(set: NftSet): readonly string[] {
  return printDeclared(`set ${set.name}`, setDeclaration(set), setElementTexts(set));
}

function printMap(map: VerdictMap): readonly string[] {
  return printDeclared(`map ${map.name}`, mapDeclaration(map), mapElementTexts(map));
}

export function mapElementTexts(map: VerdictMap): readonly string[] {
  return [...map.elements.values()].map((element) => printMapElement(map, element)).sort();
}

function printDeclared(head: string, declaration: readonly string[], elements: readonly string[]): readonly string[] {
  const lines = [`  ${head} {`, ...declaration.map((line) => `    ${line}`)];
  if (elements.length > 0)
    lines.push('    elements = {', `${elements.map((text) => `      ${text}`).join(',\n')}`, '    }');
  return [...lines, '  }'];
}

function printChain(chain: Chain): readonly string[] {
  const base = baseDeclaration(chain);
  const head = base === undefined ? [] : [`    ${base}`];
  return [`  chain ${chain.name} {`, ...head, ...chain.rules.map((rule) => `    ${printRule(rule)}`), '  }'];
}
