import { expect, it } from 'vitest';
import { policyIntent } from '../verdict/policy.fixture.ts';
import { compileRuleset } from './compile.ts';
import { printRule } from './print-rule.ts';

const forward = (pairInterfaces: readonly string[]): string[] => {
  const ruleset = compileRuleset(policyIntent({ forwardDefault: 'Deny', pairInterfaces }));
  return (ruleset.chains.get('filter-forward')?.rules ?? []).map(printRule);
};

it('of a flow from or to the other router nothing is told but its end, unless it is TCP', () => {
  expect(forward(['hub0', 'hub1']).slice(0, 3)).toEqual([
    'ct state vmap { established : accept, related : accept }',
    'iifname { "hub0", "hub1" } meta l4proto != 6 ct event set destroy comment "the other router sees this flow too"',
    'oifname { "hub0", "hub1" } meta l4proto != 6 ct event set destroy comment "the other router sees this flow too"',
  ]);
});

it('without another router all flows are told of from their beginning', () => {
  expect(forward([]).filter((rule) => rule.includes('ct event'))).toEqual([]);
});
