/**
 * What staged policy would make of a packet, beside what enforced policy makes of it.
 *
 *   PolicyIntent.staged + Passage + Packet ─[walkStaged]→ Verdict ─[compareStaged]→ StagedVerdict
 *
 * Invariant: the same walk as for enforced policy, over the policy as it would be; nothing of it is ever enforced.
 */
import type { PolicyIntent } from '../intent/policy/policy-intent.ts';
import { explainPacket } from './explain-packet.ts';
import type { Packet, Passage } from './packet.ts';
import type { RuleReference, Verdict, VerdictStage } from './verdict.ts';

export interface StagedVerdict {
  readonly verdict: Verdict['verdict'];
  readonly stage: VerdictStage;
  /** Its kind tells a staged rule from an enforced one. */
  readonly rule: RuleReference | null;
  readonly reason: string;
  /** Whether the packet would pass where it does not, or the other way round. */
  readonly differs: boolean;
}

/** The whole walk, with its trace; undefined where no staged policy concerns an endpoint. */
export function walkStaged({ staged }: PolicyIntent, passage: Passage, packet: Packet): Verdict | undefined {
  return staged && explainPacket(staged.policy, passage, packet, () => undefined);
}

export function compareStaged(staged: Verdict, enforced: Pick<Verdict, 'verdict'>): StagedVerdict {
  const { verdict, stage, rule, reason } = staged;
  return { verdict, stage, rule, reason, differs: (verdict === 'accept') !== (enforced.verdict === 'accept') };
}
