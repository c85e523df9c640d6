/**
 * Keeps the links as the intent wants them, for as long as the agent runs.
 *
 *   RunningAgent.linkDemand ─[link-keeper]→ drivers ─▶ devices, tunnels ─▶ LinkStatus[] → RunningAgent.noteLinks
 *
 * Beside `step`: a link that does not come up keeps neither policy nor routes from what they must be.
 * Invariant: decides nothing. Ending leaves every link as it is.
 */
import type { RunningAgent } from '../agent/loop.ts';
import type { AgentPorts } from '../agent/ports.ts';
import type { LinkIntent, LinkKind } from '../intent/links/links-intent.ts';
import type { LinkDriver } from '../links/link-driver.ts';
import {
  beginTurn,
  dueTurns,
  endTurn,
  initialLinkKeeper,
  type LinkDemand,
  type LinkStatus,
  linkKinds,
  linkStatuses,
  pendingReason,
  type Turn,
  touch,
} from '../links/link-keeper.ts';
import { linkNews } from '../links/link-news.ts';
import type { LinkReport } from '../links/link-report.ts';
import { linkSecrets } from '../links/link-secrets.ts';
import { sameValue } from '../net/same-value.ts';
import { err, ok, type Result } from '../result.ts';

export type LinkDrivers = { readonly [K in LinkKind]: LinkDriver<Extract<LinkIntent, { kind: K }>> };

export interface LinksKeeper {
  /** Why not every driver was asked for what is wanted and answered; undefined once that is so. A link that failed is not waited for. */
  pendingReason(): string | undefined;
  /** Drivers that are at work are waited for a moment; what they leave half done a successor finds. */
  close(): Promise<void>;
}

type TurnResult = Result<readonly LinkReport[], { readonly message: string }>;

const lookMs = 250;
/** A turn that takes longer is said, in ms. */
const slowMs = 60_000;
/** How long `close` waits, in ms. */
const closeMs = 5_000;

interface WorkUnderWay {
  readonly since: number;
  readonly done: Promise<void>;
  isSlow: boolean;
}

export function keepLinks(
  agent: Pick<RunningAgent, 'linkDemand' | 'noteLinks'>,
  drivers: LinkDrivers,
  { clock, log, secrets }: Pick<AgentPorts, 'clock' | 'log' | 'secrets'>,
): LinksKeeper {
  const underWay = new Map<LinkKind, WorkUnderWay>();
  let keeper = initialLinkKeeper;
  let shown: readonly LinkStatus[] = [];
  let wereKept: boolean | undefined;
  let isClosed = false;

  function look(): void {
    const demand = isClosed ? undefined : agent.linkDemand();
    if (demand === undefined) return;
    for (const turn of dueTurns(keeper, demand, clock.now())) {
      keeper = beginTurn(keeper, turn, demand);
      const done = perform(turn).then((result) => {
        underWay.delete(turn.kind);
        finish(turn, result);
        look();
      });
      underWay.set(turn.kind, { since: clock.now(), done, isSlow: false });
    }
    tellSlow();
    show(demand);
  }

  function finish(turn: Turn, result: TurnResult): void {
    const before = keeper[turn.kind];
    keeper = endTurn(keeper, turn, result, clock.now());
    const { reports, error } = keeper[turn.kind];
    for (const { level, message, fields } of linkNews(before.reports, reports)) log.write(level, message, fields);
    // Where there is no link yet to say it of.
    if (error !== undefined && error !== before.error && reports.length === 0) {
      log.write('error', 'links cannot be looked after', { kind: turn.kind, error });
    }
  }

  function tellSlow(): void {
    for (const [kind, work] of underWay) {
      if (work.isSlow || clock.now() - work.since < slowMs) continue;
      work.isSlow = true;
      log.write('warn', 'links take long; those of other kinds do not wait for them', { kind, seconds: slowMs / 1000 });
    }
  }

  async function perform({ kind, links, sweeps }: Turn): Promise<TurnResult> {
    try {
      const refs = linkSecrets(links);
      const known = refs.length === 0 ? new Map<string, string>() : await secrets.read(refs);
      // A turn's links are all of its kind, which the compiler cannot see.
      return ok(await (drivers[kind] as unknown as LinkDriver).ensure(links, known, sweeps));
    } catch (error) {
      return err({ message: (error as Error).message });
    }
  }

  function show(demand: LinkDemand): void {
    const statuses = linkStatuses(keeper, demand);
    const areKept = pendingReason(keeper, demand) === undefined;
    if (wereKept === areKept && !(demand.isAwaited && areKept) && sameValue(shown, statuses)) return;
    shown = statuses;
    wereKept = areKept;
    agent.noteLinks(statuses, areKept);
  }

  const open = [
    ...linkKinds.map((kind) =>
      drivers[kind].watch(() => {
        keeper = touch(keeper, kind);
        look();
      }),
    ),
    clock.every(lookMs, look),
  ];

  // Whoever waits for links hears at once that somebody keeps them.
  agent.noteLinks(shown, false);
  look();
  return {
    pendingReason() {
      const demand = agent.linkDemand();
      return demand ? pendingReason(keeper, demand) : 'links stay as they are until the resources can be read';
    },
    async close() {
      isClosed = true;
      for (const each of open) each.close();
      await soon(Promise.all([...underWay.values()].map(({ done }) => done)));
      for (const kind of linkKinds) drivers[kind].leave();
    },
  };
}

/** Resolves with the work, or once `closeMs` are over. */
function soon(work: Promise<unknown>): Promise<unknown> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise((resolve) => {
    timer = setTimeout(resolve, closeMs);
  });
  return Promise.race([work, timeout]).finally(() => clearTimeout(timer));
}
