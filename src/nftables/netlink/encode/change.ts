/**
 * A change of the ruleset as one transaction.
 *
 *   RulesetChange, RuleHandles ─[encodeChange]→ one nfnetlink batch
 *
 * The order is what the kernel asks for: chains come first, since elements and rules name them; what refers to an object goes before
 * the object does; and an element that overlaps a new one before that comes.
 * Invariant: the kernel takes a batch whole or not at all.
 */
import type { RulesetChange } from '../../diff.ts';
import type { ChainEdit } from '../../edit-chain.ts';
import { type Ruleset, tableName } from '../../ruleset.ts';
import { attributes, messages } from './numbers.ts';
import { encodeChain, writeObjects } from './objects.ts';
import { encodeRule, encodeRuleRemoval } from './rules.ts';
import { encodeElements, encodeSet } from './sets.ts';
import type { Transaction } from './transaction.ts';

/** Of the chains that are edited: the kernel's handles of their rules, in order. */
export type RuleHandles = ReadonlyMap<string, readonly bigint[]>;

/** Between the transaction's begin and end. The handles of each edited chain must be as many as it had rules. */
export function encodeChange(transaction: Transaction, change: RulesetChange, handles: RuleHandles): void {
  if (change.whole) {
    encodeWhole(transaction, change.whole);
    return;
  }
  const { newChains, elements, changedChains, removedChains } = change;
  for (const chain of newChains) encodeChain(transaction, chain);
  for (const edit of changedChains) removeRules(transaction, edit, handles);
  for (const name of removedChains) encodeRuleRemoval(transaction, name);
  const newHolders = [...change.newSets, ...change.newClasses, ...change.newMaps];
  for (const holder of newHolders) encodeSet(transaction, holder);
  for (const { removed } of elements) encodeElements(transaction, removed, 'delete');
  for (const holder of newHolders) encodeElements(transaction, holder, 'add');
  for (const { added } of elements) encodeElements(transaction, added, 'add');
  for (const edit of changedChains) addRules(transaction, edit, handles);
  for (const chain of newChains) for (const rule of chain.rules) encodeRule(transaction, { chain: chain.name }, rule);
  for (const name of [...change.removedMaps, ...change.removedClasses, ...change.removedSets]) {
    encodeRemoval(transaction, messages.deleteSet, 'set', attributes.set.name, name);
  }
  for (const name of removedChains)
    encodeRemoval(transaction, messages.deleteChain, 'chain', attributes.chain.name, name);
}

/** The old table goes, if there is one, and the new one comes. */
function encodeWhole(transaction: Transaction, { sets, maps, classes, chains }: Ruleset): void {
  encodeTableRemoval(transaction);
  encodeTable(transaction, messages.newTable);
  writeObjects(transaction, [...chains.values()], [...sets.values(), ...classes.values(), ...maps.values()]);
}

/** Takes the table away, whether or not there is one. */
export function encodeTableRemoval(transaction: Transaction): void {
  encodeTable(transaction, messages.newTable);
  encodeTable(transaction, messages.deleteTable);
}

function encodeTable(transaction: Transaction, type: number): void {
  const message = transaction.open(type, 'the table');
  transaction.writer.text(attributes.table.name, tableName);
  transaction.close(message);
}

function removeRules(transaction: Transaction, edit: ChainEdit, handles: RuleHandles): void {
  const { name } = edit.chain;
  for (const position of edit.removed) encodeRuleRemoval(transaction, name, handleAt(handles, name, position));
}

function addRules(transaction: Transaction, { chain: { name: chain }, added }: ChainEdit, handles: RuleHandles): void {
  for (const { before, rules } of added) {
    const place = { chain, before: before === undefined ? undefined : handleAt(handles, chain, before) };
    for (const rule of rules) encodeRule(transaction, place, rule);
  }
}

function handleAt(handles: RuleHandles, chain: string, position: number): bigint {
  const handle = handles.get(chain)?.[position];
  if (handle === undefined) throw new Error(`chain ${chain} is edited without the handle of its rule ${position}`);
  return handle;
}

function encodeRemoval(transaction: Transaction, type: number, kind: string, attribute: number, name: string): void {
  const message = transaction.open(type, `${kind} ${name}`);
  transaction.writer.text(attributes.table.name, tableName);
  transaction.writer.text(attribute, name);
  transaction.close(message);
}
