/**
 * What a router's agent says of a packet, and what a trace showed, for people and for programs.
 *
 *   Explanation ─[printExplanation]→ lines;  LiveComparison ─[printComparison, comparisonToJson]→ lines, JSON
 */
import { type Explanation, explanationToJson, type KernelObject, type KernelObjects } from '../api/explanation.ts';
import type { Observation, ObservedStep } from '../nftables/trace/observe-packet.ts';
import { printVerdict, type VerdictJson } from '../verdict/print-verdict.ts';
import { countOf } from './count.ts';
import type { LiveComparison } from './live-trace.ts';

export function printExplanation(explanation: Explanation, isVerbose: boolean): string {
  const { verdict, ends, staged, path, kernel, inForce } = explanation;
  const { isCurrent, revision, storedRevision, error } = inForce;
  const held = revision === null ? 'no policy of this agent yet' : `the policy of revision ${revision}`;
  const why = error === null ? '' : `: ${error}`;
  return [
    printVerdict(verdict, { isVerbose, ends, staged, path }),
    '',
    ...printKernel(kernel),
    isCurrent
      ? 'in force  what is stored'
      : `in force  NOT what is stored (revision ${storedRevision}): the kernel holds ${held}${why}; the answer is about what is stored`,
  ].join('\n');
}

/** So many of the rules and elements that carry a verdict are named, those that counted most first. */
const mostNamed = 5;

function printKernel({ comment, error, objects }: KernelObjects): string[] {
  if (comment === null) return ['in nft    no rule of its own decides'];
  if (error !== null) return [`in nft    ${comment}: ${error}`];
  if (objects.length === 0) return [`in nft    ${comment}: not there`];
  const sorted = objects.toSorted((a, b) => b.packets - a.packets);
  const packets = objects.reduce((sum, each) => sum + each.packets, 0);
  const bytes = objects.reduce((sum, each) => sum + each.bytes, 0);
  const rest = objects.length - mostNamed;
  return [
    `in nft    ${comment}: ${countOf(packets, 'packet')}, ${countOf(bytes, 'byte')}`,
    ...sorted.slice(0, mostNamed).map(printKernelObject),
    ...(rest > 0 ? [`          ${rest} more that counted no more`] : []),
  ];
}

function printKernelObject({ kind, in: name, handle, packets, bytes }: KernelObject): string {
  const where = kind === 'rule' ? `chain ${name}, handle ${handle}` : `element of map ${name}`;
  return `          ${where}: ${countOf(packets, 'packet')}, ${countOf(bytes, 'byte')}`;
}

export function printComparison({ predicted, changed, observed, isEqual, isSameRule }: LiveComparison): string {
  const { verdict } = predicted;
  const differs = Object.entries(changed).map(([key, value]) => `${key} ${value}`);
  const came = differs.length === 0 ? '' : ` (for the packet that came: ${differs.join(', ')})`;
  return [
    `predicted ${verdict.verdict}${came}: ${verdict.reason}`,
    `observed  ${observed.verdict}: ${observed.reason}${stateOf(observed)}`,
    ...observed.steps.filter(isTelling).map((step) => `          ${printStep(step)}`),
    isEqual ? 'equal     yes' : 'equal     NO',
    ...(isEqual && isSameRule === false
      ? ['          by another rule than the predicted one, as the steps above show']
      : []),
  ].join('\n');
}

export function comparisonToJson({ predicted, changed, observed, isEqual, isSameRule }: LiveComparison): object {
  const { verdict, stage, rule, reason }: VerdictJson = explanationToJson(predicted);
  return { predicted: { verdict, stage, rule, reason }, changed, observed, equal: isEqual, sameRule: isSameRule };
}

function stateOf({ conntrack, inbound, outbound }: Observation): string {
  const words = [
    conntrack === undefined ? [] : [`conntrack says ${conntrack}`],
    inbound === null ? [] : [`in ${inbound}`],
    outbound === null ? [] : [`out ${outbound}`],
  ].flat();
  return words.length === 0 ? '' : ` (${words.join(', ')})`;
}

/** Jumps and notes on the way are in the JSON. */
function isTelling({ comment, elements, verdict }: ObservedStep): boolean {
  return comment !== null || elements.some((element) => element.comment !== null) || /accept|drop/.test(verdict);
}

function printStep({ table, chain, handle, verdict, comment, counter, elements }: ObservedStep): string {
  const named = elements.find((element) => element.comment !== null);
  const what = named ? `${named.comment} in map ${named.set}` : comment;
  const count = named?.counter ?? counter;
  const counted = count === null ? '' : `; ${countOf(count.packets, 'packet')}, ${countOf(count.bytes, 'byte')}`;
  const rule = handle === null ? '' : ` handle ${handle}`;
  return `${table} ${chain}${rule}: ${verdict}${what === null ? '' : `: ${what}`}${counted}`;
}
