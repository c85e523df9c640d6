/**
 * What each staged policy would do to the flows that were told of.
 *
 *   walks of enforced and staged policy ─[StagedTally.count]→ (counts) ─[summaries]→ StagedSummary[]
 *
 * Invariant: it counts a sample. A flow counts for every policy that has a say in it: by a rule that matches, or by the end of
 * its tier; for a Delete, by what it would take away.
 */
import type { StagedChange, StagedPolicy } from '../intent/policy/policy-intent.ts';
import type { Verdict } from '../verdict/verdict.ts';
import type { StagedSummary } from './flow-record.ts';

type Counts = Pick<StagedSummary, 'matched' | 'wouldAllow' | 'wouldDeny' | 'differing'>;

/** What was counted for a policy as it was then. */
interface Tallied {
  readonly resource: unknown;
  readonly counts: Counts;
}

const nothing: Counts = { matched: 0, wouldAllow: 0, wouldDeny: 0, differing: 0 };

export class StagedTally {
  readonly #tallied = new Map<string, Tallied>();

  count(policy: StagedPolicy, walks: { readonly enforced: Verdict; readonly staged: Verdict }): void {
    const { enforced, staged } = walks;
    const passes = staged.verdict === 'accept';
    const differs = passes !== (enforced.verdict === 'accept');
    for (const change of policy.changes) {
      // A Set shows in the walk of staged policy; what a Delete takes away, in that of enforced policy.
      const [id, walk] = change.action === 'Set' ? [change.id, staged] : [change.target ?? '', enforced];
      const isMatched = walk.trace.some(({ event, policy: met }) => event === 'rule-matched' && met === id);
      if (!isMatched && !endsTierOf(policy, change, id, walk)) continue;
      const before = this.#countsOf(policy, change);
      const counts = {
        matched: before.matched + 1,
        wouldAllow: before.wouldAllow + Number(passes),
        wouldDeny: before.wouldDeny + Number(!passes),
        differing: before.differing + Number(differs),
      };
      this.#tallied.set(change.id, { resource: resourceOf(policy, change), counts });
    }
  }

  /** Of the policies that are staged now, those without a flow included. */
  summaries(policy: StagedPolicy | undefined): readonly StagedSummary[] {
    if (!policy) return [];
    return policy.changes.map((change) => {
      const { id, action, target = null } = change;
      return { policy: id, action, target, ...this.#countsOf(policy, change) };
    });
  }

  /** A policy that was edited begins at nothing. */
  #countsOf(policy: StagedPolicy, change: StagedChange): Counts {
    const tallied = this.#tallied.get(change.id);
    return tallied && tallied.resource === resourceOf(policy, change) ? tallied.counts : nothing;
  }
}

/** Undefined for a Delete, which says nothing that could change. */
function resourceOf({ policy }: StagedPolicy, { id }: StagedChange): unknown {
  return policy.policies.get(id)?.resource;
}

/** Whether the end of the tier that it would be in decides. */
function endsTierOf({ policy }: StagedPolicy, change: StagedChange, id: string, walk: Verdict): boolean {
  if (walk.cause.kind !== 'end-of-tier' || change.action !== 'Set') return false;
  return policy.policies.get(id)?.tier === walk.cause.tier;
}
