/**
 * Nouns of the arrangement: rules in their order, and the blocks that they become.
 *
 *   OrderedRule[] ─[blocks]→ Block[] ─[compile-rules]→ chain rules and verdict maps
 */
import type { Box } from './box.ts';
import type { Match, Side } from './ruleset.ts';
import type { Selectors, Variant } from './terms.ts';

export type RuleAction = 'Allow' | 'Deny' | 'Pass' | 'Log';

export interface OrderedRule {
  readonly action: RuleAction;
  /** For comments: where the rule came from. */
  readonly origin: string;
  /** For log prefixes. */
  readonly logPrefix: string;
  readonly variants: readonly Variant[];
  readonly selectors?: Selectors;
}

export interface BlockBox {
  readonly box: Box;
  readonly action: RuleAction;
  readonly origin: string;
}

export type Block =
  /** Disjoint boxes under the same condition: one verdict map, or a plain rule if there is only one. */
  | {
      readonly kind: 'boxes';
      /** Stands for the condition and for the kind of ports the boxes limit. */
      readonly condition: string;
      readonly alternatives: readonly (readonly Match[])[];
      readonly boxes: readonly BlockBox[];
    }
  /** Rules in order, each with a selector on this side: asked by address. */
  | DispatchBlock
  /** A rule that goes on to the next one, or whose product of terms is too large to spell out. */
  | { readonly kind: 'rule'; readonly rule: OrderedRule; readonly variants: readonly Variant[] };

export interface DispatchBlock extends Dispatching {
  readonly kind: 'dispatch';
  readonly rules: readonly OrderedRule[];
  /**
   * Present where it has all of the rest of the list, with these rules that do not select on its side: they stand in every
   * chain, and follow once more for addresses that it leads nowhere.
   */
  readonly wide?: ReadonlySet<OrderedRule>;
}

/** By which address a rule is dispatched, and together with which other selectors. */
export interface Dispatching {
  readonly side: Side;
  readonly group: number;
}

export type Dispatchings = ReadonlyMap<OrderedRule, Dispatching>;
