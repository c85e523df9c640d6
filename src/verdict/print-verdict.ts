/**
 * A verdict for programs and for people.
 *
 *   Verdict ─[verdictToJson]→ the value `explain packet -o json` prints
 *           ─[printVerdict]→ lines for a terminal
 *
 * Invariant: the JSON has the same keys whatever the verdict; what is unknown is null.
 */
import type { Position } from '../resources/resource.ts';
import type { RuleReference, TraceStep, Verdict } from './verdict.ts';

export interface VerdictJson {
  readonly verdict: Verdict['verdict'];
  readonly stage: Verdict['stage'];
  readonly rule: RuleReference | null;
  readonly file: string | null;
  /** From 1. */
  readonly line: number | null;
  readonly reason: string;
  readonly trace: readonly TraceStepJson[];
}

export interface TraceStepJson {
  readonly stage: TraceStep['stage'];
  readonly endpoint: string | null;
  readonly tier: string | null;
  readonly policy: string | null;
  readonly rule: RuleReference | null;
  readonly outcome: string;
  readonly file: string | null;
  readonly line: number | null;
}

export function verdictToJson(verdict: Verdict): VerdictJson {
  return {
    verdict: verdict.verdict,
    stage: verdict.stage,
    rule: verdict.rule && ruleToJson(verdict.rule),
    ...placeToJson(verdict.position),
    reason: verdict.reason,
    trace: verdict.trace.map((step) => ({
      stage: step.stage,
      endpoint: step.endpoint,
      tier: step.tier,
      policy: step.policy,
      rule: step.rule && ruleToJson(step.rule),
      outcome: step.outcome,
      ...placeToJson(step.position),
    })),
  };
}

/** The verdict and its reason, then the way there as a tree of stages and tiers; no colour, no final newline. */
export function printVerdict(verdict: Verdict): string {
  const lines = [
    `${verdict.verdict}: ${verdict.reason}${printPlace(verdict.position)}`,
    `  decided in ${verdict.stage}`,
  ];
  let heading = '';
  let tier: string | null = null;
  for (const step of verdict.trace) {
    const next = step.endpoint === null ? step.stage : `${step.stage} of endpoint ${step.endpoint}`;
    if (next !== heading) {
      lines.push('', next);
      heading = next;
      tier = null;
    }
    if (step.tier !== null && step.tier !== tier) lines.push(`  tier ${step.tier}`);
    tier = step.tier;
    lines.push(`${step.tier === null ? '  ' : '    '}${printStep(step)}`);
  }
  return lines.join('\n');
}

function printStep(step: TraceStep): string {
  const rule = step.rule ? ` ${step.rule.direction}[${step.rule.index}]` : '';
  const subject = step.policy === null ? '' : `${step.policy}${rule}: `;
  return `${subject}${step.outcome}${printPlace(step.position)}`;
}

function printPlace(position: Position | null): string {
  return position === null ? '' : ` (${position.file}:${position.line})`;
}

function placeToJson(position: Position | null): { readonly file: string | null; readonly line: number | null } {
  return { file: position?.file ?? null, line: position?.line ?? null };
}

function ruleToJson({ kind, name, tier, direction, index }: RuleReference): RuleReference {
  return { kind, name, tier, direction, index };
}
