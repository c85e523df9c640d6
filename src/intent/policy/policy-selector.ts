/**
 * The selectors of policies and of their rules, as selectors over effective labels (semantics §2.7, §2.8).
 *
 *   GlobalNetworkPolicySpec, EntityRule ─[…Selector]→ Selector
 *
 * Invariant: what Calico rewrites in text is rewritten in trees; nothing here looks at labels.
 */

import type { GlobalNetworkPolicySpec } from '../../resources/global-network-policy.ts';
import type { EntityRule } from '../../resources/rule.ts';
import { parseSelector } from '../../resources/selector/parse.ts';
import {
  conjoin,
  namespaceKey,
  namespaceLabelPrefix,
  namespaceTerm,
  prefixKeys,
  replaceAll,
  serviceAccountKey,
  serviceAccountLabelPrefix,
} from '../../resources/selector/rewrite.ts';
import type { Selector, SelectorError } from '../../resources/selector/selector.ts';
import { ok, type Result } from '../../result.ts';

type Parsed = Result<Selector, SelectorError>;

/**
 * Which endpoints a GlobalNetworkPolicy selects. With a namespaceSelector every `all()`, that of the main selector too,
 * means "has a namespace", and likewise for service accounts.
 */
export function policySelector(spec: GlobalNetworkPolicySpec): Parsed {
  let combined: Selector | undefined;
  if (isGiven(spec.selector)) {
    const main = parseSelector(spec.selector);
    if (!main.ok) return main;
    combined = main.value;
  }
  for (const [text, prefix, key] of [
    [spec.namespaceSelector, namespaceLabelPrefix, namespaceKey],
    [spec.serviceAccountSelector, serviceAccountLabelPrefix, serviceAccountKey],
  ] as const) {
    if (!isGiven(text)) continue;
    const parsed = parseSelector(text);
    if (!parsed.ok) return parsed;
    const term = prefixKeys(parsed.value, prefix);
    combined = replaceAll(combined ? conjoin([combined, term]) : term, { kind: 'has', key });
  }
  return ok(combined ?? { kind: 'all' });
}

/** The positive selector of one side of a rule in a cluster-wide policy or a profile; undefined when it has none. */
export function entitySelector(entity: EntityRule): Result<Selector | undefined, SelectorError> {
  const terms: Parsed[] = [];
  if (isGiven(entity.namespaceSelector)) terms.push(namespaceScope(entity.namespaceSelector));
  const { names, selector } = entity.serviceAccounts ?? {};
  if (names && names.length > 0) {
    terms.push(ok({ kind: 'in', key: serviceAccountKey, values: [...new Set(names)].sort() }));
  }
  if (isGiven(selector)) {
    const parsed = parseSelector(selector);
    terms.push(parsed.ok ? ok(prefixKeys(parsed.value, serviceAccountLabelPrefix)) : parsed);
  }
  if (isGiven(entity.selector)) terms.push(parseSelector(entity.selector));
  const selectors: Selector[] = [];
  for (const term of terms) {
    if (!term.ok) return term;
    selectors.push(term.value);
  }
  return ok(selectors.length === 0 ? undefined : conjoin(selectors));
}

/** `global()`, as the whole of it, is whatever has no namespace. */
function namespaceScope(text: string): Parsed {
  const parsed = parseSelector(text);
  if (!parsed.ok) return parsed;
  if (parsed.value.kind === 'global') return ok({ kind: 'not', operand: { kind: 'has', key: namespaceKey } });
  return ok(namespaceTerm(parsed.value));
}

function isGiven(text: string | undefined): text is string {
  return text !== undefined && text.trim() !== '';
}
