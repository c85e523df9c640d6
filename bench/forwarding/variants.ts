/**
 * The routers that are compared.
 *
 *   PolicyShape → resources ─[the product's own pipeline]→ nft text ┐
 *   PolicyShape → [rulesets] ───────────────────────────────────────┴→ Variant[]
 */
import type { LaneSpec } from './lane.ts';
import type { PolicyShape } from './policy-shape.ts';
import { acceptOne, layOutPerPolicy, listRules } from './rulesets.ts';

export type Layout = 'bare' | 'accept' | 'causeway' | 'linear' | 'felix';

export interface Variant extends LaneSpec {
  readonly layout: Layout;
  /** Policy rules; 0 without policy. */
  readonly rules: number;
}

export const layoutNames: Readonly<Record<Layout, string>> = {
  bare: 'no netfilter',
  accept: 'conntrack, one accept rule',
  causeway: 'Causeway',
  linear: 'linear list',
  felix: 'chain per policy (Felix-like)',
};

const rulesPerPolicy = 10;

export function listVariants(sizes: readonly number[], printOwnPolicy: (shape: PolicyShape) => string): Variant[] {
  const sized = (layout: Layout, print: (rules: number) => string) =>
    sizes.map((rules) => ({ name: `${layout} ${rules}`, layout, rules, ruleset: print(rules) }));
  return [
    { name: 'bare', layout: 'bare', rules: 0, ruleset: undefined },
    { name: 'accept', layout: 'accept', rules: 1, ruleset: acceptOne() },
    ...sized('causeway', (rules) => printOwnPolicy({ rules, rulesPerPolicy })),
    ...sized('linear', (rules) => listRules({ rules, rulesPerPolicy })),
    ...sized('felix', (rules) => layOutPerPolicy({ rules, rulesPerPolicy })),
  ];
}
