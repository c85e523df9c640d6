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
  isKept,
  type LinkDemand,
  type LinkStatus,
  linkKinds,
  linkStatuses,
  type Turn,
  touch,
} from '../links/link-keeper.ts';
import type { LinkReport } from '../links/link-report.ts';
import { linkSecrets } from '../links/link-secrets.ts';
import { sameValue } from '../net/same-value.ts';
import { err, ok, type Result } from '../result.ts';

export type LinkDrivers = { readonly [K in LinkKind]: LinkDriver<Extract<LinkIntent, { kind: K }>> };

export interface LinksKeeper {
  /** Whether every driver was asked for what is wanted; a link that failed is not waited for. */
  isKept(): boolean;
  close(): Promise<void>;
}

const lookMs = 250;

export function keepLinks(
  agent: Pick<RunningAgent, 'linkDemand' | 'noteLinks'>,
  drivers: LinkDrivers,
  { clock, log, secrets }: Pick<AgentPorts, 'clock' | 'log' | 'secrets'>,
): LinksKeeper {
  const underWay = new Set<Promise<void>>();
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
        underWay.delete(done);
        keeper = endTurn(keeper, turn, result, clock.now());
        look();
      });
      underWay.add(done);
    }
    show(demand);
  }

  async function perform({ kind, links }: Turn): Promise<Result<readonly LinkReport[], { readonly message: string }>> {
    try {
      const refs = linkSecrets(links);
      const known = refs.length === 0 ? new Map<string, string>() : await secrets.read(refs);
      // A turn's links are all of its kind, which the compiler cannot see.
      return ok(await (drivers[kind] as unknown as LinkDriver).ensure(links, known));
    } catch (error) {
      return err({ message: (error as Error).message });
    }
  }

  function show(demand: LinkDemand): void {
    const statuses = linkStatuses(keeper, demand);
    const areKept = isKept(keeper, demand);
    if (wereKept === areKept && !(demand.isAwaited && areKept) && sameValue(shown, statuses)) return;
    for (const status of statuses) logChange(status);
    shown = statuses;
    wereKept = areKept;
    agent.noteLinks(statuses, areKept);
  }

  function logChange({ interfaceName, attachment, kind, state, reason, driver }: LinkStatus): void {
    const before = shown.find((one) => one.interfaceName === interfaceName);
    if (before?.state === state && before.reason === reason) return;
    const fields = { interface: interfaceName, attachment, kind, driver, ...(reason === null ? {} : { reason }) };
    log.write(state === 'failed' ? 'error' : 'info', `link ${state}`, fields);
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
    isKept() {
      const demand = agent.linkDemand();
      return demand !== undefined && isKept(keeper, demand);
    },
    async close() {
      isClosed = true;
      for (const each of open) each.close();
      await Promise.all(underWay);
      for (const kind of linkKinds) drivers[kind].leave();
    },
  };
}
