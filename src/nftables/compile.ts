/**
 * Policy as an nftables ruleset.
 *
 *   PolicyIntent ─[compileRuleset]→ Ruleset ─[print]→ nft text
 *
 * Invariant: the verdict of every packet is the one that `verdict/` explains (semantics §4); equal intents give equal
 * rulesets.
 */
import type { PolicyIntent } from '../intent/policy/policy-intent.ts';
import type { Ruleset } from './ruleset.ts';
import { RulesetCompiler } from './ruleset-compiler.ts';

/** From nothing; whoever compiles again and again keeps a RulesetCompiler. */
export function compileRuleset(policy: PolicyIntent): Ruleset {
  return new RulesetCompiler().update(policy);
}
