import { expect, it } from 'vitest';
import { AttributeWriter } from '../../netlink/attributes.ts';
import { readMessages, subsystems, writeMessage } from '../../netlink/message.ts';
import { readRuleHandles } from './read-handles.ts';

const newRule = 6;

function ruleMessage(type: number, table: string, chain: string, handle: bigint | undefined): Uint8Array {
  const writer = new AttributeWriter();
  writeMessage(writer, { subsystem: subsystems.nftables, type, flags: 0, sequence: 1, family: 1 }, () => {
    writer.text(1, table);
    writer.text(2, chain);
    if (handle !== undefined) writer.u64(3, handle);
  });
  return writer.bytes();
}

it.each([
  ['a rule of a chain that is asked for', newRule, 'causeway', 'c', 7n, [1n, 7n]],
  ['a rule of another chain', newRule, 'causeway', 'd', 7n, [1n]],
  ['a rule of a chain of the same name in another table', newRule, 'theirs', 'c', 7n, [1n]],
  ['a rule without a handle', newRule, 'causeway', 'c', undefined, [1n]],
  ['what is no rule', newRule + 1, 'causeway', 'c', 7n, [1n]],
])('%s', (_, type, table, chain, handle, expected) => {
  const handles = new Map([['c', [1n]]]);
  for (const message of readMessages(ruleMessage(type, table, chain, handle)) ?? []) readRuleHandles(message, handles);
  expect(handles).toEqual(new Map([['c', expected]]));
});
