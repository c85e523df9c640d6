/**
 * Members of selector sets moved, where nobody keeps a RulesetCompiler.
 *
 *   PolicyIntent + MemberChange[] ─[moveMembers]→ Ruleset
 */
import type { PolicyIntent } from '../intent/policy/policy-intent.ts';
import { compileRuleset } from './compile.ts';
import type { Ruleset } from './ruleset.ts';
import type { MemberChange } from './ruleset-compiler.ts';

export type { MemberChange } from './ruleset-compiler.ts';

/** `policy` holds the sets as they are after the changes. */
export function moveMembers(ruleset: Ruleset, policy: PolicyIntent, changes: readonly MemberChange[]): Ruleset {
  return changes.length === 0 ? ruleset : compileRuleset(policy);
}
