/**
 * Whether labels satisfy a selector (semantics §2.3).
 *
 *   (Selector, labels) ─[evaluate]→ boolean
 *
 * Invariant: comparisons are exact; the negative operators are true where the label is absent.
 */
import type { Labels } from '../resource.ts';
import type { Selector } from './selector.ts';

/** `global()` is true, as `all()` is: it means something only as a rule's whole namespaceSelector. */
export function evaluateSelector(selector: Selector, labels: Labels | ReadonlyMap<string, string>): boolean {
  switch (selector.kind) {
    case 'all':
    case 'global':
      return true;
    case 'not':
      return !evaluateSelector(selector.operand, labels);
    case 'and':
      for (const operand of selector.operands) if (!evaluateSelector(operand, labels)) return false;
      return true;
    case 'or':
      for (const operand of selector.operands) if (evaluateSelector(operand, labels)) return true;
      return false;
    case 'has':
    case 'equal':
    case 'not-equal':
    case 'contains':
    case 'starts-with':
    case 'ends-with':
    case 'in':
    case 'not-in':
      return evaluateComparison(selector, labelValue(labels, selector.key));
  }
}

type Comparison = Extract<Selector, { readonly key: string }>;

/** One comparison against a label's value; undefined is a label that is absent. */
function evaluateComparison(comparison: Comparison, value: string | undefined): boolean {
  switch (comparison.kind) {
    case 'has':
      return value !== undefined;
    case 'equal':
      return value === comparison.value;
    case 'not-equal':
      return value !== comparison.value;
    case 'contains':
      return value?.includes(comparison.value) ?? false;
    case 'starts-with':
      return value?.startsWith(comparison.value) ?? false;
    case 'ends-with':
      return value?.endsWith(comparison.value) ?? false;
    case 'in':
      return value !== undefined && includesSorted(comparison.values, value);
    case 'not-in':
      return value === undefined || !includesSorted(comparison.values, value);
  }
}

/** Labels are users' text: only own properties count, `constructor` is no label until someone sets it. */
function labelValue(labels: Labels | ReadonlyMap<string, string>, key: string): string | undefined {
  if (labels instanceof Map) return labels.get(key);
  return Object.hasOwn(labels, key) ? (labels as Labels)[key] : undefined;
}

function includesSorted(values: readonly string[], value: string): boolean {
  let low = 0;
  let high = values.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const candidate = values[middle] ?? '';
    if (candidate === value) return true;
    if (candidate < value) low = middle + 1;
    else high = middle;
  }
  return false;
}
