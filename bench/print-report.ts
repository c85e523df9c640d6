/**
 * The figures of a run as tables for a terminal.
 *
 *   BenchReport ─[print]→ text
 */

import type { SizeConstants } from '../src/size/constants.ts';
import type { HubSize } from './control-plane/hub.ts';
import { layoutNames } from './forwarding/variants.ts';
import type { Memory } from './memory.ts';
import {
  type AgentReport,
  type BenchReport,
  type ChangePathReport,
  type ChangeReport,
  type ChangeStep,
  type CompileReport,
  type CompileStage,
  changeSteps,
  compileStages,
  type FailoverReport,
  type ForwardingReport,
  type HubStart,
  type LinkFigures,
  type LinksReport,
  type RoutingReport,
  type SizeReport,
  type StepTimes,
} from './report.ts';

export function printReport(report: BenchReport): string {
  const { machine, forwarding } = report;
  const head = [
    `${machine.processor}, ${machine.cores} cores, Linux ${machine.kernel}, nft ${machine.nft}, Node ${machine.node}`,
    `load before: ${machine.loadBefore.toFixed(2)}${machine.loadBefore > 0.5 ? ' (busy: trust the ratios, not the times)' : ''}; ${report.seconds.toFixed(0)} s in all`,
    ...(forwarding?.isFifo === false ? ['SCHED_FIFO was refused: other tasks of the core are in the figures'] : []),
  ];
  const sections = [
    ...(forwarding === undefined ? [] : [printForwarding(forwarding)]),
    ...(report.compile === undefined ? [] : [printCompile(report.compile)]),
    ...(report.change === undefined ? [] : [printChange(report.change)]),
    ...(report.agent === undefined ? [] : [printAgent(report.agent)]),
    ...(report.routing === undefined ? [] : [printRouting(report.routing)]),
    ...(report.failover === undefined ? [] : [printFailover(report.failover)]),
    ...(report.links === undefined ? [] : [printLinks(report.links)]),
    ...(report.size === undefined ? [] : [printSizeReport(report.size)]),
  ];
  return `${[head, ...sections].map((lines) => lines.join('\n')).join('\n\n')}\n`;
}

function printForwarding({ rows, framesPerSlice, rounds, senderAlone }: ForwardingReport): string[] {
  const title = `Forwarding one packet: ns net of the sender, median of ${rounds} rounds of ${framesPerSlice} frames`;
  const header = ['router', 'rules', 'first packet', 'to one accept rule', 'established', 'to bare'];
  const body = rows
    .filter((row) => row.traffic === 'first')
    .map((first) => {
      const later = rows.find((row) => row.router === first.router && row.traffic === 'established');
      return [
        layoutNames[first.layout],
        first.rules === 0 ? '-' : `${first.rules}`,
        first.net.median.toFixed(0),
        `${first.ratioToAccept.toFixed(2)}x`,
        later?.net.median.toFixed(0) ?? '-',
        later === undefined ? '-' : `${later.ratioToBare.toFixed(2)}x`,
      ];
    });
  const sender = `the sender alone: ${senderAlone.first.median.toFixed(0)} ns`;
  return [title, ...alignColumns([header, ...body]), sender];
}

function printCompile({ size, stages, rounds, sets, textMiB, memory }: CompileReport): string[] {
  const title = `From resources to the kernel: ${printSize(size)}; ms, median of ${rounds}`;
  const names: Readonly<Record<CompileStage, string>> = {
    snapshot: 'resources to snapshot',
    intent: 'snapshot to intent',
    ruleset: 'intent to ruleset',
    text: 'ruleset to text',
    kernel: 'ruleset to kernel',
  };
  const body = compileStages.map((stage) => {
    const { median, min, max } = stages[stage];
    return [names[stage], ...[median, min, max].map((ms) => ms.toFixed(0))];
  });
  const sizes = `${sets} nft sets, ${textMiB.toFixed(1)} MiB of text; ${printMemory(memory)}`;
  return [title, ...alignColumns([['stage', 'median', 'min', 'max'], ...body]), sizes];
}

function printChange({ size, label, nft, edit, memory }: ChangeReport): string[] {
  const title = `One change at a time, inside one process: ${printSize(size)}; ms`;
  const row = (name: string, times: StepTimes) => [
    name,
    ...[times.median, times.p99, times.max].map((ms) => ms.toFixed(2)),
  ];
  const names: Readonly<Record<ChangeStep, string>> = {
    snapshot: '  new snapshot',
    intent: '  resolved',
    ruleset: '  compiled and compared',
    kernel: '  kernel, over netlink',
  };
  const path = (name: string, { changes, total, steps }: ChangePathReport) => [
    row(`${changes} ${name}`, total),
    ...changeSteps.map((step) => row(names[step], steps[step])),
  ];
  const body = [...path('labels', label), row('  the same element by nft', nft), ...path('policies', edit)];
  const ratio = (nft.median / label.steps.kernel.median).toFixed(0);
  return [
    title,
    ...alignColumns([['step', 'median', 'p99', 'max'], ...body]),
    `nft takes ${ratio} times as long for a moved element; ${printMemory(memory)}`,
  ];
}

function printAgent({ size, fillMs, startMs, idle, label, edit, sustained }: AgentReport): string[] {
  const title = `An agent, from the store to the kernel: ${printSize(size)}, ${size.hostEndpoints} host endpoints; ms`;
  const row = (name: string, times: StepTimes) => [
    name,
    ...[times.median, times.p99, times.max].map((ms) => ms.toFixed(1)),
  ];
  const table = [
    ['change', 'median', 'p99', 'max'],
    row(`one label (${label.rulesTouched} rules touched)`, label),
    row('one policy', edit),
  ];
  return [
    title,
    ...alignColumns(table),
    `${sustained.perSecond.toFixed(0)} labels a second for ${sustained.seconds.toFixed(0)} s: the last one in the kernel after ` +
      `${sustained.lagMs.toFixed(0)} ms; ${sustained.cpuPercent.toFixed(0)} % of a core, ${sustained.grownMiB} MiB more resident`,
    `start ${startMs.toFixed(0)} ms (its store filled in ${fillMs.toFixed(0)} ms); idle ${idle.cpuPercent.toFixed(2)} % of a core, ` +
      `${idle.residentMiB} MiB resident`,
  ];
}

function printRouting({ size, rounds, ours, guarded, bare, ratio, generate, live }: RoutingReport): string[] {
  const routes = size.spokes * size.prefixesPerSpoke;
  const title = `BIRD from its start to ${routes} routes in the kernel, ${size.spokes} spokes; ms, median of ${rounds} in turns`;
  const row = (name: string, { start, residentMiB }: HubStart) => [
    name,
    ...[start.median, start.min, start.max].map((ms) => ms.toFixed(0)),
    `${residentMiB}`,
  ];
  const header = ['hub', 'median', 'min', 'max', 'resident MiB'];
  return [
    title,
    ...alignColumns([header, row('ours', ours), row('by hand, same guards', guarded), row('by hand, bare', bare)]),
    `ours takes ${ratio.toFixed(2)} times as long as the same guards by hand; ${generate.sessions} sessions are generated in ${generate.median.toFixed(0)} ms`,
    `one more peer, from the store to its last route in the kernel: ${live.added.median.toFixed(0)} ms ` +
      `(${live.added.min.toFixed(0)} to ${live.added.max.toFixed(0)}), ${live.size.prefixesPerSpoke} routes beside ${live.size.spokes - 1} peers`,
    `a peer flaps ${live.flap.perSecond.toFixed(0)} routes a second for ${live.flap.seconds.toFixed(0)} s: agent ` +
      `${live.flap.agentCpuPercent.toFixed(1)} % of a core, ${live.flap.residentMiB} MiB resident (${live.flap.grownMiB} more); BIRD ` +
      `${live.flap.birdCpuPercent.toFixed(0)} % of a core`,
  ];
}

function printFailover({ rows, runs }: FailoverReport): string[] {
  const title = `What traffic under way loses: worst of four flows of 1,000 datagrams a second, there and back, median of ${runs}`;
  const body = rows.map(({ title, bfd, isPlanned, milliseconds, lost, connections, connectionsWhole }) => [
    `tr1 ${title}`,
    isPlanned ? '-' : `${bfd.minInterval} ms x ${bfd.multiplier}`,
    milliseconds.median.toFixed(0),
    milliseconds.max.toFixed(0),
    lost.median.toFixed(0),
    `${connectionsWhole} of ${connections}`,
  ]);
  return [title, ...alignColumns([['router', 'BFD', 'ms', 'max ms', 'datagrams', 'TCP connections whole'], ...body])];
}

function printLinks({ rows, rounds }: LinksReport): string[] {
  const title = `One link: one TCP connection, and datagrams of 64 bytes there and back; median of ${rounds} in turns`;
  const figures = ({ megabits, roundTrip }: LinkFigures) => [megabits.median.toFixed(0), roundTrip.median.toFixed(0)];
  const header = ['link', 'Mbit/s', 'us', 'by hand Mbit/s', 'us', 'ratio', 'ratio us'];
  const body = rows.map(({ title, driver, ours, byHand, throughputRatio, roundTripRatio }) => [
    `${title} (${driver})`,
    ...figures(ours),
    ...figures(byHand),
    `${throughputRatio.toFixed(2)}x`,
    `${roundTripRatio.toFixed(2)}x`,
  ]);
  return [title, ...alignColumns([header, ...body])];
}

function printSizeReport({ constants, before, isWritten, plan, rows }: SizeReport): string[] {
  const old = new Map(listFigures(before));
  const costs = listFigures(constants).map(([name, value]) => [name, `${value}`, `${old.get(name) ?? '-'}`]);
  const hub = `${plan.spokes} spokes, ${plan.prefixes} prefixes, ${plan.flows} flows, ${plan.policies} policies, ${plan.addresses} addresses`;
  const mib = (bytes: number) => (bytes / 2 ** 20).toFixed(1);
  const compared = rows.map(({ part, measuredBytes, predictedBytes }) => [
    part,
    mib(predictedBytes),
    mib(measuredBytes),
    `${((100 * (predictedBytes - measuredBytes)) / measuredBytes).toFixed(0)} %`,
  ]);
  return [
    'Memory of one of each thing; bytes',
    ...alignColumns([['constant', 'measured', 'in src/size'], ...costs]),
    isWritten ? 'written to src/size/constants.ts' : 'not written (--write)',
    '',
    `A size that these are not from: ${hub}; MiB`,
    ...alignColumns([['part', 'predicted', 'measured', 'error'], ...compared]),
  ];
}

function listFigures({ measuredOn: _, ...areas }: SizeConstants): (readonly [string, number])[] {
  return Object.entries(areas).flatMap(([area, figures]) =>
    Object.entries(figures).map(([name, value]) => [`${area}.${name}`, value] as const),
  );
}

function printMemory({ liveMiB, residentMiB }: Memory): string {
  return `${liveMiB} MiB of live objects, ${residentMiB} MiB resident before collecting garbage`;
}

function printSize({ policies, rulesPerPolicy, addressesPerApp }: HubSize): string {
  return `${policies} policies, ${policies * rulesPerPolicy} rules, ${policies * addressesPerApp} labelled addresses`;
}

/** First column to the left, the others to the right. */
function alignColumns(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows.map((row) =>
    row
      .map((cell, column) => (column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0)))
      .join('  '),
  );
}
