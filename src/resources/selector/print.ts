/**
 * The canonical text of a selector (semantics §2.4): what sets are named by, and what comments and explanations show.
 *
 *   Selector ─[print]→ text
 *
 * Invariant: the text parses back to an equal tree, so two selectors with one text are one selector.
 */
import type { Selector } from './selector.ts';

/** One line; a conjunction or disjunction always in parentheses, strings in `"` unless they hold one. */
export function printSelector(selector: Selector): string {
  switch (selector.kind) {
    case 'all':
      return 'all()';
    case 'global':
      return 'global()';
    case 'has':
      return `has(${selector.key})`;
    case 'equal':
      return `${selector.key} == ${quote(selector.value)}`;
    case 'not-equal':
      return `${selector.key} != ${quote(selector.value)}`;
    case 'contains':
      return `${selector.key} contains ${quote(selector.value)}`;
    case 'starts-with':
      return `${selector.key} starts with ${quote(selector.value)}`;
    case 'ends-with':
      return `${selector.key} ends with ${quote(selector.value)}`;
    case 'in':
      return `${selector.key} in ${printSet(selector.values)}`;
    case 'not-in':
      return `${selector.key} not in ${printSet(selector.values)}`;
    case 'not':
      return `!${printSelector(selector.operand)}`;
    case 'and':
      return `(${selector.operands.map(printSelector).join(' && ')})`;
    case 'or':
      return `(${selector.operands.map(printSelector).join(' || ')})`;
  }
}

function printSet(values: readonly string[]): string {
  return `{${values.map(quote).join(', ')}}`;
}

/** The language has no escapes; a value with both sorts of quotes cannot have come from text. */
function quote(value: string): string {
  return value.includes('"') ? `'${value}'` : `"${value}"`;
}
