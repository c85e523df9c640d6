/**
 * The ruleset while it is being compiled: what every stage of compiling adds its objects to.
 */
import type { AddressSet, LogRate, SetId } from '../intent/policy/policy-intent.ts';
import type { Block, DispatchBlock } from './blocks.ts';
import type { Chain, Dispatch, VerdictMap } from './ruleset.ts';
import type { Signature, Signatures } from './signatures.ts';

export interface Draft {
  readonly chains: Map<string, Chain>;
  readonly maps: Map<string, VerdictMap>;
  /** Of each Log rule. */
  readonly logRate: LogRate | undefined;
  readonly addressSets: ReadonlyMap<SetId, AddressSet>;
  readonly dispatches: Map<string, Dispatch>;
  /** Blocks are shared by places, and so is what there is to know of their addresses. */
  readonly plans: Map<DispatchBlock, DispatchPlan>;
}

/** What is the same in every place that has the block. */
export interface DispatchPlan {
  readonly setIds: readonly SetId[];
  /** Positions in the block's rules of each set's rules. */
  readonly rulesOf: readonly (readonly number[])[];
  readonly signatures: Signatures;
  readonly needed: readonly Signature[];
  readonly isLinear: boolean;
  readonly arranged: Map<Signature, readonly Block[]>;
}
