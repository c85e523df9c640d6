/**
 * Host endpoints that rules mean by label and do not find, since they have no expectedIPs (semantics §2.8).
 *
 *   HostEndpoints, policies ─[invisibleEndpoints]→ the endpoint and the first rule that means it
 *
 * Invariant: only selectors that demand a label count; one that is true of nothing in particular means nobody.
 */
import type { FieldPath, Labels, Resource } from '../resource.ts';
import type { EntityRule, Rule } from '../rule.ts';
import { evaluateSelector } from '../selector/evaluate.ts';
import { parseSelector } from '../selector/parse.ts';
import type { Selector } from '../selector/selector.ts';

export interface InvisibleEndpoint {
  readonly endpoint: Resource<'HostEndpoint'>;
  readonly policy: Resource;
  readonly path: FieldPath;
}

/** Whatever has rules. */
export interface Ruled extends Resource {
  readonly spec: { readonly ingress?: readonly Rule[]; readonly egress?: readonly Rule[] } & Resource['spec'];
}

/** Each endpoint at most once; `labelsOf` gives its effective labels. */
export function invisibleEndpoints(
  endpoints: readonly Resource<'HostEndpoint'>[],
  policies: readonly Ruled[],
  labelsOf: (endpoint: Resource<'HostEndpoint'>) => Labels | ReadonlyMap<string, string>,
): InvisibleEndpoint[] {
  const hidden = endpoints
    .filter(({ spec }) => (spec.expectedIPs ?? []).length === 0)
    .map((endpoint) => ({ endpoint, labels: labelsOf(endpoint) }));
  const asked = hidden.length === 0 ? [] : demandingSelectors(policies);
  return hidden.flatMap(({ endpoint, labels }) => {
    const found = asked.find(({ selector }) => evaluateSelector(selector, labels));
    return found ? [{ endpoint, policy: found.policy, path: found.path }] : [];
  });
}

/** The sentence for it. */
export function explainInvisible(
  { endpoint, policy, path }: InvisibleEndpoint,
  printPath: (path: FieldPath) => string,
): string {
  return `${policy.kind}/${policy.metadata.name} ${printPath(path)} means it by its labels but finds no address of it: add its addresses as expectedIPs${endpoint.spec.interfaceName === undefined ? '' : ', they do not change which interface it is'}`;
}

interface Asked {
  readonly selector: Selector;
  readonly policy: Resource;
  readonly path: FieldPath;
}

/** Each text once. */
function demandingSelectors(policies: readonly Ruled[]): readonly Asked[] {
  const byText = new Map<string, Asked | undefined>();
  for (const policy of policies) {
    for (const direction of ['ingress', 'egress'] as const) {
      for (const [index, rule] of (policy.spec[direction] ?? []).entries()) {
        for (const side of ['source', 'destination'] as const) {
          const text = meantSelector(rule[side]);
          if (text === undefined || byText.has(text)) continue;
          const parsed = parseSelector(text);
          const path = ['spec', direction, index, side, 'selector'];
          const isDemanding = parsed.ok && !evaluateSelector(parsed.value, {});
          byText.set(text, isDemanding ? { selector: parsed.value, policy, path } : undefined);
        }
      }
    }
  }
  return [...byText.values()].filter((asked) => asked !== undefined);
}

/** A namespace or a service account means workloads. */
function meantSelector(entity: EntityRule | undefined): string | undefined {
  const { selector = '', namespaceSelector = '', serviceAccounts } = entity ?? {};
  if (selector.trim() === '' || serviceAccounts !== undefined) return undefined;
  return namespaceSelector.trim() === '' || namespaceSelector.trim() === 'global()' ? selector : undefined;
}
