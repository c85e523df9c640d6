/**
 * The kernel's handles of the rules of some chains.
 *
 *   NFT_MSG_NEWRULE of a dump ─[readRuleHandles]→ handles by chain, in the order of the rules
 */
import { readAttributes, readText, readU64 } from '../../netlink/attributes.ts';
import type { Message } from '../../netlink/message.ts';
import { tableName } from '../ruleset.ts';
import { attributes, messages } from './encode/numbers.ts';

/** Adds what the message tells of a chain that is in `handles`; anything else is passed over. */
export function readRuleHandles(message: Message, handles: ReadonlyMap<string, bigint[]>): void {
  if (message.kind !== 'data' || message.type !== messages.newRule) return;
  const rule = readAttributes(message.attributes);
  const [table, chain, handle] = [attributes.rule.table, attributes.rule.chain, attributes.rule.handle].map((type) => {
    return rule.get(type);
  });
  if (!table || !chain || !handle || readText(table) !== tableName) return;
  handles.get(readText(chain))?.push(readU64(handle));
}
