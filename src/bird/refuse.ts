/**
 * Refusing a route on import: its reason is put on it first, since BIRD keeps what a filter refused as the filter left it.
 *
 *   RefusalReason → [refuse] → statements of an import filter
 */
import {
  filterNameHash,
  missingFilterRule,
  type RefusalReason,
  refusalCodes,
} from '../intent/routing/refusal-reasons.ts';
import type { BirdCondition, BirdStatement } from './config.ts';

/** Refuses what the condition holds for, with a reason. */
export type RefuseIf = (condition: BirdCondition, reason: Exclude<RefusalReason, 'filter'>) => BirdStatement;

export function refuse(reason: Exclude<RefusalReason, 'filter'>, localAs: number): BirdStatement[] {
  return [{ kind: 'add-community', community: [localAs, refusalCodes[reason], 0] }, { kind: 'reject' }];
}

/** `rule` undefined: there is no such filter. */
export function refuseByFilter(name: string, rule: number | undefined, localAs: number): BirdStatement[] {
  return [
    { kind: 'add-community', community: [localAs, refusalCodes.filter, filterNameHash(name)] },
    { kind: 'add-community', community: [localAs, refusalCodes.filterRule, rule ?? missingFilterRule] },
    { kind: 'reject' },
  ];
}
