/**
 * What traffic under way loses when a router of two dies, loses a link, is drained, restarted or given other filters.
 *
 *   BfdTimers → lab (two routers, FRR, two BIRD) → streams, transfers → disturb → mend → [failover-part] → FailoverReport
 *
 * Invariant: a run counts only when all was as before it: sessions and routes; and when traffic came back.
 */
import { execFileSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { type DisruptionOutcome, runDisruption } from '../../lab/disruption.ts';
import { accidents, type Disturbance, disturb, mend, planned, titles } from '../../lab/disturbances.ts';
import { loadLab, openLab, type RunningLab } from '../../lab/harness.ts';
import { causewayProgram } from '../../lab/package-root.ts';
import type { BenchOptions } from '../options.ts';
import type { Progress } from '../progress.ts';
import type { FailoverReport, FailoverRow } from '../report.ts';
import { summarize } from '../statistics.ts';
import { type BfdTimers, writeLabVariant } from './lab-variant.ts';

/**
 * In turns, since BIRD waits the longer to connect again the more often it lost a session lately: a router that was killed has
 * forgotten that. The default of the product first, then a quick one; what is planned does not hang on BFD.
 */
const variants: readonly { readonly bfd: BfdTimers; readonly deeds: readonly Disturbance[] }[] = [
  { bfd: { minInterval: 300, multiplier: 3 }, deeds: [...accidents, ...planned] },
  { bfd: { minInterval: 50, multiplier: 3 }, deeds: accidents },
];
const router = 'tr1';
const streams = [
  { from: 'web-a', to: 'db1', port: 'udp/514' },
  { from: 'web-b', to: 'db1', port: 'udp/514' },
];
const transfers = [
  { from: 'web-a', to: 'db1', port: 'tcp/5432' },
  { from: 'db1', to: 'web-b', port: 'tcp/8080' },
];

export async function measureFailoverPart(options: BenchOptions, progress: Progress): Promise<FailoverReport> {
  const runs = options.isQuick ? 1 : 3;
  execFileSync(causewayProgram(), ['version']); // builds: nothing can be built inside a lab
  const total = runs * variants.reduce((sum, { deeds }) => sum + deeds.length, 0);
  let done = 0;
  const rows: FailoverRow[] = [];
  for (const { bfd, deeds } of variants) {
    const folder = writeLabVariant(bfd);
    let lab: RunningLab | undefined;
    try {
      lab = await openLab(loadLab(folder));
      await waitWhole(lab);
      const outcomes = new Map(deeds.map((what) => [what, [] as DisruptionOutcome[]]));
      for (let run = 0; run < runs; run++) {
        for (const [what, measured] of outcomes) {
          progress.show(`failover: BFD ${bfd.minInterval} ms × ${bfd.multiplier}, ${titles[what]}`, done++, total);
          measured.push(await measureOnce(lab, what));
        }
      }
      rows.push(...[...outcomes].map(([what, measured]) => describeRow(bfd, what, measured)));
    } finally {
      await lab?.down();
      rmSync(folder, { recursive: true });
    }
  }
  return { runs, rows };
}

async function measureOnce(lab: RunningLab, what: Disturbance): Promise<DisruptionOutcome> {
  const outcome = await runDisruption(lab, { streams, transfers, disturb: () => disturb(lab, router, what) });
  await mend(lab, router, what);
  return outcome;
}

async function waitWhole(lab: RunningLab): Promise<void> {
  for (const rows of [await lab.sessions(), await lab.routes(), await lab.paths()]) {
    if (!rows.every(({ passed }) => passed)) throw new Error('the lab did not come up whole');
  }
}

/** Of each run the flow that lost most. */
function describeRow(bfd: BfdTimers, what: Disturbance, outcomes: readonly DisruptionOutcome[]): FailoverRow {
  const stuck = outcomes.flatMap((outcome) => outcome.streams).find(({ recovered }) => !recovered);
  if (stuck !== undefined) throw new Error(`${stuck.flow} did not come back when ${router} ${titles[what]}`);
  const worst = (read: (flow: DisruptionOutcome['streams'][number]) => number) =>
    summarize(outcomes.map((outcome) => Math.max(...outcome.streams.map(read))));
  const connections = outcomes.flatMap((outcome) => outcome.transfers);
  return {
    what,
    title: titles[what],
    bfd,
    isPlanned: planned.includes(what),
    milliseconds: worst(({ milliseconds }) => milliseconds),
    lost: worst(({ lost }) => lost),
    connections: connections.length,
    connectionsWhole: connections.filter(({ fault }) => fault === undefined).length,
  };
}
