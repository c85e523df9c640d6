/**
 * Rules as messages.
 *
 *   Rule ─[encodeRule]→ (anonymous sets) NFT_MSG_NEWRULE: expressions that the kernel runs one after the other
 *
 * Invariant: one rule is one message; the sets of its own that it looks in go before it.
 */
import { messageFlags } from '../../../netlink/message.ts';
import { type Field, type Outcome, type Rule, type Statement, tableName } from '../../ruleset.ts';
import { type AnonymousSet, encodeMatchSet, encodeStateMap } from './anonymous-sets.ts';
import { ExpressionWriter } from './expressions.ts';
import { writeMatch } from './match.ts';
import { attributes, conntrackKeys, endOfFlow, maxSegmentOption, messages, metaKeys, rejections } from './numbers.ts';
import { RuleContext } from './rule-context.ts';
import type { Transaction } from './transaction.ts';
import { commentBytes } from './user-data.ts';
import { hostOrder, numberBytes } from './words.ts';

export interface RulePlace {
  readonly chain: string;
  /** The handle of the rule that it comes before; undefined for the end of the chain. */
  readonly before?: bigint | undefined;
}

export function encodeRule(transaction: Transaction, { chain, before }: RulePlace, rule: Rule): void {
  const { writer } = transaction;
  const matchSets = rule.matches.map((match) => encodeMatchSet(transaction, match));
  const stateMap =
    rule.outcome?.kind === 'ct-state-lookup' ? encodeStateMap(transaction, rule.outcome.verdicts) : undefined;

  const subject = rule.comment === undefined ? `chain ${chain}` : `chain ${chain}, ${rule.comment}`;
  const message = transaction.open(messages.newRule, subject, before === undefined ? messageFlags.append : 0);
  writer.text(attributes.rule.table, tableName);
  writer.text(attributes.rule.chain, chain);
  if (before !== undefined) writer.u64(attributes.rule.position, before);
  const list = writer.open(attributes.rule.expressions);
  const expressions = new ExpressionWriter(writer);
  const context = new RuleContext(expressions);
  for (const [at, match] of rule.matches.entries()) writeMatch(expressions, context, match, matchSets[at]);
  for (const statement of rule.statements) writeStatement(expressions, context, statement);
  if (rule.outcome) writeOutcome(expressions, context, rule.outcome, stateMap);
  writer.close(list);
  if (rule.comment !== undefined) writer.raw(attributes.rule.userData, commentBytes(rule.comment));
  transaction.close(message);
}

/** Takes a rule away by its handle; without one, all rules of the chain. */
export function encodeRuleRemoval(transaction: Transaction, chain: string, handle?: bigint): void {
  const { writer } = transaction;
  const message = transaction.open(messages.deleteRule, `chain ${chain}`);
  writer.text(attributes.rule.table, tableName);
  writer.text(attributes.rule.chain, chain);
  if (handle !== undefined) writer.u64(attributes.rule.handle, handle);
  transaction.close(message);
}

function writeStatement(expressions: ExpressionWriter, context: RuleContext, statement: Statement): void {
  switch (statement.kind) {
    case 'counter':
      expressions.counter();
      return;
    case 'notrack':
      expressions.notrack();
      return;
    case 'tell-end-only':
      expressions.immediate(hostOrder(endOfFlow));
      expressions.setConntrack(conntrackKeys.events);
      return;
    case 'segment-size':
      expressions.immediate(numberBytes(statement.size, maxSegmentOption.bytes));
      expressions.setTcpOption(maxSegmentOption);
      return;
    case 'log':
      expressions.log(statement.group, statement.prefix, statement.snaplen);
      return;
    case 'limit':
      expressions.limit(statement.count, unitSeconds[statement.per], statement.burst);
      return;
    case 'mark':
      expressions.meta(metaKeys.mark);
      expressions.bitwise(hostOrder(~(statement.clear | statement.set)), hostOrder(statement.set));
      expressions.setMeta(metaKeys.mark);
      return;
    case 'class': {
      const field: Field = { ...statement, kind: 'address' };
      context.demandFamilies([field]);
      expressions.load([field]);
      expressions.lookup(statement.map, undefined, 'data', 0);
      expressions.setMeta(metaKeys.priority);
      return;
    }
    case 'no-class':
      expressions.immediate(hostOrder(0));
      expressions.setMeta(metaKeys.priority);
  }
}

const unitSeconds = { second: 1, minute: 60, hour: 3600, day: 86_400 } as const;

function writeOutcome(
  expressions: ExpressionWriter,
  context: RuleContext,
  outcome: Outcome,
  stateMap: AnonymousSet | undefined,
): void {
  switch (outcome.kind) {
    case 'reject': {
      const { type, code } = rejections[context.family ?? 'any'];
      expressions.reject(type, code);
      return;
    }
    case 'lookup':
      context.demandFamilies(outcome.fields);
      expressions.load(outcome.fields);
      expressions.lookup(outcome.map, undefined, 'verdict', 0);
      return;
    case 'ct-state-lookup':
      if (!stateMap) throw new Error('a lookup by state without its map');
      expressions.conntrack(conntrackKeys.state);
      expressions.lookup(stateMap.name, stateMap.id, 'verdict', 0);
      return;
    case 'accept':
    case 'drop':
    case 'return':
    case 'jump':
    case 'goto':
      expressions.verdict(outcome);
  }
}
