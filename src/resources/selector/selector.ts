/**
 * A Calico selector as a tree (semantics §2).
 *
 *   text ─[parse]→ Selector ─[evaluate]→ boolean, ─[print]→ canonical text
 *
 * Invariant: keys are 1 to 512 characters of `[A-Za-z0-9_./-]`; `values` are sorted and without duplicates; `and`, `or`
 * have two operands or more; a tree that came from text is at most a few thousand levels deep, so walks may recurse.
 */
export type Selector =
  | { readonly kind: 'all' }
  | { readonly kind: 'global' }
  | { readonly kind: 'has'; readonly key: string }
  | { readonly kind: TextOperator; readonly key: string; readonly value: string }
  | { readonly kind: SetOperator; readonly key: string; readonly values: readonly string[] }
  | { readonly kind: 'not'; readonly operand: Selector }
  | { readonly kind: 'and' | 'or'; readonly operands: readonly Selector[] };

/** Compares a label's value with one text; spelled as in the language, save `==` and `!=`. */
export type TextOperator = 'equal' | 'not-equal' | 'contains' | 'starts-with' | 'ends-with';

export type SetOperator = 'in' | 'not-in';

export interface SelectorError {
  readonly kind: 'syntax';
  /** Where in the text, in UTF-16 units from 0; the text's length when it ended too early. */
  readonly offset: number;
  /** What was expected there, for people. */
  readonly message: string;
}
