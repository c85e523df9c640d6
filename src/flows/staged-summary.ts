/**
 * What each staged policy would do to the flows that were told of.
 *
 *   walks of enforced and staged policy ─[StagedTally.count]→ (counts) ─[summaries]→ StagedSummary[]
 *
 * Invariant: it counts a sample. A flow counts for a policy that decides it or, for a Delete, no longer does.
 */
import type { StagedChange, StagedPolicy } from '../intent/policy/policy-intent.ts';
import type { Verdict } from '../verdict/verdict.ts';
import type { StagedSummary } from './flow-record.ts';

type Counts = Pick<StagedSummary, 'matched' | 'wouldAllow' | 'wouldDeny' | 'differing'>;

const nothing: Counts = { matched: 0, wouldAllow: 0, wouldDeny: 0, differing: 0 };

export class StagedTally {
  readonly #counts = new Map<string, Counts>();

  count(policy: StagedPolicy, walks: { readonly enforced: Verdict; readonly staged: Verdict }): void {
    const { enforced, staged } = walks;
    const passes = staged.verdict === 'accept';
    const differs = passes !== (enforced.verdict === 'accept');
    for (const change of policy.changes) {
      // A Set shows in the walk of staged policy; what a Delete takes away, in that of enforced policy.
      const [id, walk] = change.action === 'Set' ? [change.id, staged] : [change.target ?? '', enforced];
      const isMatched = walk.trace.some(({ event, policy: met }) => event === 'rule-matched' && met === id);
      const isDecided = decides(policy, change, id, walk);
      if (!isMatched && !isDecided) continue;
      const before = this.#counts.get(change.id) ?? nothing;
      this.#counts.set(change.id, {
        matched: before.matched + Number(isMatched),
        wouldAllow: before.wouldAllow + Number(isDecided && passes),
        wouldDeny: before.wouldDeny + Number(isDecided && !passes),
        differing: before.differing + Number(isDecided && differs),
      });
    }
  }

  /** Of the policies that are staged now, those without a flow included. */
  summaries(policy: StagedPolicy | undefined): readonly StagedSummary[] {
    return (policy?.changes ?? []).map(({ id, action, target }) => {
      return { policy: id, action, target: target ?? null, ...(this.#counts.get(id) ?? nothing) };
    });
  }
}

/** By a rule of it, or by the end of a tier that it is in. */
function decides({ policy }: StagedPolicy, change: StagedChange, id: string, walk: Verdict): boolean {
  if (walk.rule && `${walk.rule.kind}/${walk.rule.name}` === id) return true;
  if (walk.cause.kind !== 'end-of-tier' || change.action !== 'Set') return false;
  return policy.policies.get(id)?.tier === walk.cause.tier;
}
