/**
 * The routers that are compared.
 *
 *   PolicyShape → resources ─[the product's own pipeline]→ nft text ┐
 *   PolicyShape → [rulesets] ───────────────────────────────────────┴→ Variant[]
 */
import type { LaneSpec } from './lane.ts';
import type { PolicyShape } from './policy-shape.ts';
import { acceptOne, layOutPerPolicy, listRules } from './rulesets.ts';

export type Layout = 'bare' | 'accept' | 'causeway' | 'causeway-nets' | 'linear' | 'felix';

/** How our policy names the sources of a rule: by label, or by network as the linear list does. */
export type SourceForm = 'labels' | 'nets';

export interface Variant extends LaneSpec {
  readonly layout: Layout;
  /** Policy rules; 0 without policy. */
  readonly rules: number;
}

export const layoutNames: Readonly<Record<Layout, string>> = {
  bare: 'no netfilter',
  accept: 'conntrack, one accept rule',
  causeway: 'Causeway, sources by label',
  'causeway-nets': 'Causeway, sources by network',
  linear: 'linear list',
  felix: 'chain per policy (Felix-like)',
};

const rulesPerPolicy = 10;
/** A linear list of more rules takes most of a second for a thousand packets. */
const mostLinearRules = 1000;

export function listVariants(
  sizes: readonly number[],
  printOwnPolicy: (shape: PolicyShape, sources: SourceForm) => string,
): Variant[] {
  const sized = (layout: Layout, print: (rules: number) => string, of = sizes) =>
    of.map((rules) => ({ name: `${layout} ${rules}`, layout, rules, ruleset: print(rules) }));
  const few = sizes.filter((rules) => rules <= mostLinearRules);
  return [
    { name: 'bare', layout: 'bare', rules: 0, ruleset: undefined },
    { name: 'accept', layout: 'accept', rules: 1, ruleset: acceptOne() },
    ...sized('causeway', (rules) => printOwnPolicy({ rules, rulesPerPolicy }, 'labels')),
    ...sized('causeway-nets', (rules) => printOwnPolicy({ rules, rulesPerPolicy }, 'nets')),
    ...sized('linear', (rules) => listRules({ rules, rulesPerPolicy }), few),
    ...sized('felix', (rules) => layOutPerPolicy({ rules, rulesPerPolicy }), few),
  ];
}
