/**
 * What each kind of link carries: set up by our drivers, and by hand with the same tool.
 *
 *   kind → two pairs of machines (ours, by hand) → [links-part] → LinksReport
 *
 * Invariant: the two take turns, and which goes first alternates, so that whatever else slows the machine slows both.
 */
import type { LinkDriverName } from '../../src/links/link-report.ts';
import type { BenchOptions } from '../options.ts';
import type { Progress } from '../progress.ts';
import type { LinkFigures, LinkRow, LinksReport } from '../report.ts';
import { summarize } from '../statistics.ts';
import { ipsecByDriver, ipsecByHand } from './ipsec.ts';
import { makePair, type Pair } from './pair.ts';
import { echoTimes, sendFor, serveTraffic } from './traffic.ts';
import { vlanByDriver, vlanByHand } from './vlan.ts';
import { wireguardByDriver, wireguardByHand } from './wireguard.ts';

const extents = {
  quick: { rounds: 3, sendMs: 500, echoes: 200 },
  whole: { rounds: 9, sendMs: 2000, echoes: 1000 },
} as const;

interface Contest {
  readonly title: string;
  /** Brings the link about; says what carries it. */
  ours(pair: Pair): Promise<LinkDriverName>;
  byHand(pair: Pair, driver: LinkDriverName): Promise<void> | void;
  /** What by hand is not written for: no figure then, rather than one of two different things. */
  readonly notFor?: LinkDriverName;
}

const contests: readonly Contest[] = [
  { title: 'VLAN', ours: vlanByDriver, byHand: vlanByHand },
  { title: 'IPsec', ours: ipsecByDriver, byHand: ipsecByHand, notFor: 'kernel-xfrm' },
  { title: 'WireGuard', ours: wireguardByDriver, byHand: wireguardByHand },
];

interface Runner {
  readonly pair: Pair;
  readonly bytesPerSecond: number[];
  readonly microseconds: number[];
}

export async function measureLinksPart(options: BenchOptions, progress: Progress): Promise<LinksReport> {
  const extent = extents[options.isQuick ? 'quick' : 'whole'];
  const rows: LinkRow[] = [];
  for (const [index, contest] of contests.entries()) {
    const runners = [makeRunner(`l${index}o`), makeRunner(`l${index}h`)] as const;
    const [ours, byHand] = runners;
    const driver = await contest.ours(ours.pair);
    if (driver === contest.notFor) continue;
    await contest.byHand(byHand.pair, driver);
    for (const { pair } of runners) await serveTraffic(pair);
    // Keys are agreed and caches warm before anything counts.
    for (const { pair } of runners) sendFor(pair, extent.sendMs);
    for (let round = 0; round < extent.rounds; round++) {
      progress.show(`links: ${contest.title}`, round, extent.rounds);
      for (const { pair, bytesPerSecond, microseconds } of round % 2 === 0 ? runners : runners.toReversed()) {
        bytesPerSecond.push(sendFor(pair, extent.sendMs));
        microseconds.push(echoTimes(pair, extent.echoes));
      }
    }
    rows.push(compare(contest.title, driver, summarizeRunner(ours), summarizeRunner(byHand)));
  }
  return { rounds: extent.rounds, rows };
}

function makeRunner(name: string): Runner {
  return { pair: makePair(name), bytesPerSecond: [], microseconds: [] };
}

function summarizeRunner({ bytesPerSecond, microseconds }: Runner): LinkFigures {
  return {
    megabits: summarize(bytesPerSecond.map((bytes) => (bytes * 8) / 1e6)),
    roundTrip: summarize(microseconds),
  };
}

function compare(title: string, driver: string, ours: LinkFigures, byHand: LinkFigures): LinkRow {
  return {
    title,
    driver,
    ours,
    byHand,
    throughputRatio: ours.megabits.median / byHand.megabits.median,
    roundTripRatio: ours.roundTrip.median / byHand.roundTrip.median,
  };
}
