/**
 * Flow records as people read them: a table, or a line each while they are followed.
 */
import type { FlowEntry } from '../api/flows-view.ts';
import type { FlowEnd, FlowRecord, StagedSummary, Unrecorded } from '../flows/flow-record.ts';
import type { RuleReference } from '../verdict/verdict.ts';
import { countOf } from './count.ts';
import { type Column, printTable } from './table.ts';

const columns: readonly Column<FlowEntry>[] = [
  { title: 'TIME (UTC)', cell: ({ time }) => time.replace('T', ' ').replace('Z', '') },
  { title: 'PACKETS', cell: ({ packets }) => String(packets) },
  { title: 'EVENT', cell: ({ event }) => event },
  { title: 'IN', cell: (record) => record.in ?? '-' },
  { title: 'OUT', cell: (record) => record.out ?? '-' },
  { title: 'PROTOCOL', cell: printProtocolOf },
  { title: 'SOURCE', cell: ({ source }) => printEnd(source) },
  { title: 'DESTINATION', cell: ({ destination }) => printEnd(destination) },
  { title: 'VERDICT', cell: ({ verdict }) => verdict },
  { title: 'BY', cell: printDecision },
  { title: 'STAGED', cell: printStaged },
];

/** Only where there is a group of routers for a flow to divide between. */
const pathColumn: Column<FlowEntry> = { title: 'PATH', cell: ({ path }) => path.kind };

export function printFlowTable(records: readonly FlowEntry[]): string {
  const isGrouped = records.some(({ path }) => path.kind !== 'single-router');
  return printTable(isGrouped ? [...columns, pathColumn] : columns, records);
}

/** One line, without its end: `time verdict protocol source > destination in>out: why`. */
export function printFlowLine(record: FlowEntry): string {
  const { time, verdict, source, destination, packets, event } = record;
  const way = `${record.in ?? ''}>${record.out ?? ''}`;
  const staged = record.staged?.differs ? `; staged: ${printStaged(record)}` : '';
  const note = record.note === null ? '' : ` (${record.note})`;
  const ends = `${printProtocolOf(record)} ${printEnd(source)} > ${printEnd(destination)}`;
  const risk = record.path.kind === 'at-risk' ? `; path at risk: ${record.path.reason}` : '';
  return `${time} ${event} ${verdict} ${ends} ${way} x${packets}: ${printDecision(record)}${note}${staged}${risk}`;
}

function printProtocolOf({ protocol, icmp }: FlowRecord): string {
  return icmp === null ? protocol : `${protocol} ${icmp.type}/${icmp.code}`;
}

/** With the owner of the longest prefix, which is what says most. */
function printEnd({ address, port, owners }: FlowEnd): string {
  const bracketed = address.includes(':') ? `[${address}]` : address;
  const end = port === null ? address : `${bracketed}:${port}`;
  const [owner] = owners;
  return owner === undefined ? end : `${end} (${owner.id})`;
}

function printDecision({ rule, stage, reason, loggedBy }: FlowRecord): string {
  const logged = loggedBy.length === 0 ? '' : `, logged by ${loggedBy.map(printRule).join(', ')}`;
  return `${stage}: ${rule === null ? reason : printRule(rule)}${logged}`;
}

function printStaged({ staged }: FlowRecord): string {
  if (staged === null) return '-';
  const by = staged.rule === null ? staged.reason : printRule(staged.rule);
  return `${staged.differs ? '' : 'same: '}${staged.verdict} by ${by}`;
}

function printRule({ kind, name, direction, index }: RuleReference): string {
  return `${kind}/${name} ${direction}[${index}]`;
}

export function printStagedSummaries(summaries: readonly StagedSummary[]): string {
  const table = printTable<StagedSummary>(
    [
      { title: 'STAGED POLICY', cell: ({ policy }) => policy },
      { title: 'ACTION', cell: ({ action }) => action },
      { title: 'IN PLACE OF', cell: ({ target }) => target ?? '-' },
      { title: 'MATCHED', cell: ({ matched }) => String(matched) },
      { title: 'WOULD ALLOW', cell: ({ wouldAllow }) => String(wouldAllow) },
      { title: 'WOULD DENY', cell: ({ wouldDeny }) => String(wouldDeny) },
      { title: 'DIFFERENT FROM NOW', cell: ({ differing }) => String(differing) },
    ],
    summaries,
  );
  return `${table}\nFlows of a sample: new ones, and denied ones, as far as the kernel's limits let them be told.\n`;
}

/** Undefined where nothing is missing. */
export function printUnrecorded({ limited, lost, skipped, unreadable }: Unrecorded): string | undefined {
  const parts = [
    [limited, 'denied past the limit of what the kernel tells'],
    [lost, 'lost on the way to the agent'],
    [skipped, 'skipped by a busy agent'],
    [unreadable, 'not to be read'],
  ] as const;
  const said = parts.filter(([packets]) => packets > 0).map(([packets, why]) => `${packets} ${why}`);
  const total = limited + lost + skipped + unreadable;
  return said.length === 0
    ? undefined
    : `${countOf(total, 'packet')} not recorded since the agent began: ${said.join(', ')}`;
}
