/**
 * A verdict for programs and for people.
 *
 *   Verdict ─[verdictToJson]→ the value `explain packet -o json` prints
 *           ─[printVerdict]→ lines for a terminal
 *
 * Invariant: the JSON has the same keys whatever the verdict; what is unknown is null.
 */
import type { FlowPath } from '../intent/routing/flow-symmetry.ts';
import type { Position } from '../resources/resource.ts';
import type { PacketEnd, PacketEnds } from './packet-ends.ts';
import type { StagedVerdict } from './staged-verdict.ts';
import type { RuleReference, TraceStep, Verdict } from './verdict.ts';

export interface VerdictJson {
  readonly verdict: Verdict['verdict'];
  readonly stage: Verdict['stage'];
  readonly rule: RuleReference | null;
  readonly file: string | null;
  /** From 1. */
  readonly line: number | null;
  readonly cause: Verdict['cause'];
  readonly reason: string;
  /** Null where no resources were there to look in. */
  readonly ends: PacketEnds | null;
  /** What staged policy would make of it; null where none concerns the router. */
  readonly staged: StagedVerdict | null;
  /** Whether the same routers see both directions of the flow; null where that was not asked. */
  readonly path: FlowPath | null;
  readonly trace: readonly TraceStepJson[];
}

export interface TraceStepJson {
  readonly event: TraceStep['event'];
  readonly stage: TraceStep['stage'];
  readonly endpoint: string | null;
  readonly tier: string | null;
  readonly policy: string | null;
  readonly rule: RuleReference | null;
  readonly outcome: string;
  readonly file: string | null;
  readonly line: number | null;
}

export function verdictToJson(
  verdict: Verdict,
  { ends, staged, path }: Pick<PrintOptions, 'ends' | 'staged' | 'path'> = {},
): VerdictJson {
  return {
    verdict: verdict.verdict,
    stage: verdict.stage,
    rule: verdict.rule && ruleToJson(verdict.rule),
    ...placeToJson(verdict.position),
    cause: verdict.cause,
    reason: verdict.reason,
    ends: ends ?? null,
    staged: staged ? { ...staged, rule: staged.rule && ruleToJson(staged.rule) } : null,
    path: path ?? null,
    trace: verdict.trace.map((step) => ({
      event: step.event,
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

export interface PrintOptions {
  /** Rules that did not match, too. */
  readonly isVerbose?: boolean;
  readonly ends?: PacketEnds | undefined;
  readonly staged?: StagedVerdict | undefined;
  readonly path?: FlowPath | undefined;
}

/** The verdict and its reason, who is at both ends, then the way there by stage and tier; no colour, no final newline. */
export function printVerdict(verdict: Verdict, { isVerbose = false, ends, staged, path }: PrintOptions = {}): string {
  return [
    `${verdict.verdict}: ${verdict.reason}${printPlace(verdict.position)}`,
    `  decided in ${verdict.stage}`,
    ...(staged ? [`staged policy ${staged.differs ? 'WOULD' : 'would too'}: ${staged.verdict}: ${staged.reason}`] : []),
    ...(path && path.kind !== 'single-router' ? [`path ${path.kind}: ${path.reason}`] : []),
    ...(ends ? ['', printEnd('source', ends.source), printEnd('destination', ends.destination)] : []),
    ...printTrace(verdict.trace.filter(({ event }) => isVerbose || event !== 'rule-missed')),
  ]
    .map(printable)
    .join('\n');
}

/** A label or name from a store that nobody validated moves no terminal's cursor. */
function printable(line: string): string {
  return line.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g, ' ');
}

/** A heading for each stage and tier; a stage that was passed over is one line. */
function printTrace(trace: readonly TraceStep[]): string[] {
  const lines: string[] = [];
  let heading = '';
  let tier: string | null = null;
  let wasSkipped = false;
  for (const step of trace) {
    const isSkipped = step.event === 'skipped';
    const next = step.endpoint === null ? step.stage : `${step.stage} of endpoint ${step.endpoint}`;
    if (isSkipped) {
      if (!wasSkipped) lines.push('');
      lines.push(`${step.stage} ${step.outcome}`);
      heading = '';
    } else {
      if (next !== heading) {
        lines.push('', next);
        heading = next;
        tier = null;
      }
      if (step.tier !== null && step.tier !== tier) lines.push(`  tier ${step.tier}`);
      tier = step.tier;
      lines.push(`${step.tier === null ? '  ' : '    '}${printStep(step)}`);
    }
    wasSkipped = isSkipped;
  }
  return lines;
}

const labelsShown = 12;

function printEnd(side: string, { address, owners }: PacketEnd): string {
  const known = owners.map(({ id, labels }) => {
    const pairs = Object.entries(labels).map(([key, value]) => `${key}=${value}`);
    const more = pairs.length > labelsShown ? [`${pairs.length - labelsShown} more`] : [];
    return pairs.length === 0 ? id : `${id} (${[...pairs.slice(0, labelsShown), ...more].join(', ')})`;
  });
  return `${side.padEnd(11)} ${address}  ${known.length === 0 ? 'nothing known has it: no labels' : known.join('; ')}`;
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
