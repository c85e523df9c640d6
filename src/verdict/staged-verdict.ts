/**
 * What staged policy would make of a packet, beside what enforced policy makes of it.
 *
 *   PolicyIntent.staged + Passage + Packet ─[explainStaged]→ StagedVerdict
 *
 * Invariant: the same walk as for enforced policy, over the policy as it would be; nothing of it is ever enforced.
 */
import type { PolicyIntent } from '../intent/policy/policy-intent.ts';
import type { Locate } from './evaluate-stage.ts';
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

/** Undefined where no staged policy concerns an endpoint. `enforced` is the verdict on the same packet. */
export function explainStaged(
  policy: PolicyIntent,
  passage: Passage,
  packet: Packet,
  enforced: Pick<Verdict, 'verdict'>,
  locate: Locate = () => undefined,
): StagedVerdict | undefined {
  const staged = walkStaged(policy, passage, packet, locate);
  return staged && compareStaged(staged, enforced);
}

/** The whole walk, with its trace. */
export function walkStaged(
  { staged }: PolicyIntent,
  passage: Passage,
  packet: Packet,
  locate: Locate = () => undefined,
): Verdict | undefined {
  return staged && explainPacket(staged.policy, passage, packet, locate);
}

export function compareStaged(staged: Verdict, enforced: Pick<Verdict, 'verdict'>): StagedVerdict {
  const { verdict, stage, rule, reason } = staged;
  return { verdict, stage, rule, reason, differs: (verdict === 'accept') !== (enforced.verdict === 'accept') };
}
