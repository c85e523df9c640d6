/**
 * Whole objects as the messages that make them.
 *
 *   Chain*, Holder* ─[encodeObjects]→ NFT_MSG_NEWSET*, NEWCHAIN*, NEWSETELEM*, NEWRULE*
 *
 * Invariant: what refers to an object comes after it: elements and rules name chains, rules name sets.
 */
import type { AttributeWriter } from '../../../netlink/attributes.ts';
import { type Chain, type Holder, tableName } from '../../ruleset.ts';
import { acceptPolicy, attributes, hookNumbers, messages } from './numbers.ts';
import { encodeRule } from './rules.ts';
import { encodeElements, encodeSet } from './sets.ts';
import { Transaction } from './transaction.ts';

/** The messages alone, outside of any transaction: for who wants to know what the kernel will hold. */
export function encodeObjects(writer: AttributeWriter, chains: readonly Chain[], holders: readonly Holder[]): void {
  writeObjects(new Transaction(writer), chains, holders);
}

export function writeObjects(transaction: Transaction, chains: readonly Chain[], holders: readonly Holder[]): void {
  for (const chain of chains) encodeChain(transaction, chain);
  for (const holder of holders) {
    encodeSet(transaction, holder);
    encodeElements(transaction, holder, 'add');
  }
  for (const chain of chains) for (const rule of chain.rules) encodeRule(transaction, { chain: chain.name }, rule);
}

/** Without its rules. */
export function encodeChain(transaction: Transaction, { name, base }: Chain): void {
  const { writer } = transaction;
  const message = transaction.open(messages.newChain, `chain ${name}`);
  writer.text(attributes.chain.table, tableName);
  writer.text(attributes.chain.name, name);
  if (base) {
    writer.nest(attributes.chain.hook, () => {
      writer.u32(attributes.hook.number, hookNumbers[base.hook]);
      writer.u32(attributes.hook.priority, base.priority >>> 0);
    });
    writer.u32(attributes.chain.policy, acceptPolicy);
    writer.text(attributes.chain.type, 'filter');
  }
  transaction.close(message);
}
