/**
 * What Calico does to selectors before it compares them with labels (semantics §2.7, §2.8), on trees.
 *
 *   namespaceSelector, serviceAccountSelector ─[rewrite]→ Selector over an endpoint's effective labels
 *
 * Calico replaces `all()` in the text, inside string literals too; here only the function is replaced.
 */
import type { Selector } from './selector.ts';

export const namespaceKey = 'projectcalico.org/namespace';
export const serviceAccountKey = 'projectcalico.org/serviceaccount';
/** Prefix of the keys under which a namespace's labels reach its endpoints. */
export const namespaceLabelPrefix = 'pcns.';
/** Prefix of the keys under which a service account's labels reach its endpoints. */
export const serviceAccountLabelPrefix = 'pcsa.';

/** Every key with the prefix before it. */
export function prefixKeys(selector: Selector, prefix: string): Selector {
  return mapLeaves(selector, (leaf) => ('key' in leaf ? { ...leaf, key: prefix + leaf.key } : leaf));
}

/** Every `all()` replaced. */
export function replaceAll(selector: Selector, replacement: Selector): Selector {
  return mapLeaves(selector, (leaf) => (leaf.kind === 'all' ? replacement : leaf));
}

/** A namespaceSelector over endpoint labels: keys get `pcns.`, `all()` means any namespaced object. */
export function namespaceTerm(selector: Selector): Selector {
  return replaceAll(prefixKeys(selector, namespaceLabelPrefix), { kind: 'has', key: namespaceKey });
}

/** A service-account selector over endpoint labels: keys get `pcsa.`, `all()` means any with a service account. */
export function serviceAccountTerm(selector: Selector): Selector {
  return replaceAll(prefixKeys(selector, serviceAccountLabelPrefix), { kind: 'has', key: serviceAccountKey });
}

/** All of them: `all()` for none, the selector itself for one. Nested conjunctions are kept as written. */
export function conjoin(selectors: readonly Selector[]): Selector {
  const [first] = selectors;
  if (!first) return { kind: 'all' };
  return selectors.length === 1 ? first : { kind: 'and', operands: selectors };
}

type Leaf = Exclude<Selector, { readonly kind: 'not' } | { readonly kind: 'and' | 'or' }>;

function mapLeaves(selector: Selector, map: (leaf: Leaf) => Selector): Selector {
  if (selector.kind === 'not') return { kind: 'not', operand: mapLeaves(selector.operand, map) };
  if ('operands' in selector) {
    return { kind: selector.kind, operands: selector.operands.map((operand) => mapLeaves(operand, map)) };
  }
  return map(selector);
}
