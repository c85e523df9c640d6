import { expect, it } from 'vitest';
import { policyIntent } from '../verdict/policy.fixture.ts';
import { compileRuleset } from './compile.ts';
import { printRule } from './print-rule.ts';

const forward = (pairInterfaces: readonly string[]): string[] => {
  const ruleset = compileRuleset(policyIntent({ forwardDefault: 'Deny', pairInterfaces }));
  return (ruleset.chains.get('filter-forward')?.rules ?? []).map(printRule);
};

it('a flow that begins on its way from or to the other router is told of when it is assured and when it ends', () => {
  expect(forward(['hub0', 'hub1']).slice(0, 3)).toEqual([
    'ct state vmap { established : accept, related : accept }',
    'iifname { "hub0", "hub1" } ct event set destroy,assured comment "the other router sees this flow too"',
    'oifname { "hub0", "hub1" } ct event set destroy,assured comment "the other router sees this flow too"',
  ]);
});

it('without another router all flows are told of from their beginning', () => {
  expect(forward([]).filter((rule) => rule.includes('ct event'))).toEqual([]);
});
