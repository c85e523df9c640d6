/**
 * What happens to traffic when a router dies, or when a link is cut and mended: streams run, it happens, and what was lost is
 * counted.
 *
 *   open streams → steady → the deed → new routes in the kernels → steady again → losses
 *
 * Invariant: seconds of loss are measured on the sender's own clock, from the first attempt that went unanswered to the
 * first one answered afterwards.
 */
import { parsePort } from './checks/packets.ts';
import type { RouteRow } from './checks/routes.ts';
import { eventually } from './eventually.ts';
import type { RunningLab } from './harness.ts';
import type { Attempt } from './probe/endpoint-client.ts';
import { LabFailure, mustRun } from './sandbox/run.ts';
import type { Failure, RouteCheck } from './topology/lab-schema.ts';
import { dial } from './topology/wiring.ts';

export interface StreamLoss {
  readonly from: string;
  readonly to: string;
  readonly address: string;
  readonly port: string;
  readonly sent: number;
  readonly lost: number;
  /** Longest time without an answer, in seconds; 0 when every attempt was answered. */
  readonly seconds: number;
  readonly recovered: boolean;
}

export interface FailoverOutcome {
  /** What happened, in words. */
  readonly what: string;
  readonly streams: readonly StreamLoss[];
  readonly routes: readonly RouteRow[];
  readonly passed: boolean;
}

/** Attempts in a row that must be answered for a stream to count as steady. */
const steadyRun = 5;
/** Milliseconds for traffic to come back. */
const recoverWithin = 30_000;
/** Milliseconds between attempts, and until one counts as lost. */
const pace = { udp: { every: 20, timeout: 500 }, tcp: { every: 100, timeout: 500 } } as const;

/** Something that happens to a lab, once. */
export interface Deed extends Pick<Failure, 'streams'> {
  /** In words. */
  readonly what: string;
  /** Where traffic must go afterwards. */
  readonly routes: readonly RouteCheck[];
  happen(): Promise<void>;
}

/** What the lab file says shall happen, in order. */
export function listDeeds(running: RunningLab): readonly Deed[] {
  return running.lab.spec.failover.flatMap((failure) => deedsOf(running, failure));
}

function deedsOf(running: RunningLab, { cut, kill, routes, streams }: Failure): readonly Deed[] {
  if (cut) {
    const set = async (state: 'up' | 'down'): Promise<void> => {
      await mustRun(running.sandbox, ['ip', 'link', 'set', cut.interface, state], { node: cut.node });
    };
    const where = `the link at ${cut.interface} of ${cut.node}`;
    const moved = new Set(routes.map(({ on, prefix }) => `${on} ${prefix}`));
    const back = running.lab.spec.checks.routes.filter(({ on, prefix }) => moved.has(`${on} ${prefix}`));
    return [
      { what: `${where} is cut`, streams, routes, happen: () => set('down') },
      { what: `${where} is mended`, streams, routes: back, happen: () => set('up') },
    ];
  }
  if (kill === undefined) return [];
  return [
    { what: `${kill} dies: links down, every process killed`, streams, routes, happen: () => running.cutPower(kill) },
  ];
}

export async function measureDeed(running: RunningLab, deed: Deed): Promise<FailoverOutcome> {
  const { lab } = running;
  const streams = deed.streams.flatMap((stream) =>
    dial(lab, stream.from, stream.to).map(({ address }) => ({
      ...stream,
      address,
      id: `${stream.from}-${address}-${stream.port}`,
    })),
  );
  for (const { id, from, address, port } of streams) {
    const target = parsePort(port);
    const { every, timeout } = pace[target.protocol];
    await (await running.endpoints.of(from)).openStream(id, { ...target, address, timeout }, every);
  }
  const read = async ({ id, from }: { id: string; from: string }) => (await running.endpoints.of(from)).readStream(id);
  const areSteady = async (since: number): Promise<boolean[]> =>
    Promise.all(streams.map(async (stream) => isSteady(await read(stream), since)));
  const steadyBefore = await eventually(
    () => areSteady(0),
    (all) => all.every(Boolean),
    { within: 10_000 },
  );
  if (!steadyBefore.every(Boolean)) throw new LabFailure('the streams were not steady before anything happened');

  await deed.happen();
  const routes = await running.routes(deed.routes);
  // Only now: until it is noticed, packets under way are answered still.
  const reroutedAt = Date.now();
  const recovered = await eventually(
    () => areSteady(reroutedAt),
    (all) => all.every(Boolean),
    { within: recoverWithin },
  );

  const losses = await Promise.all(
    streams.map(async ({ id, from, to, address, port }, index): Promise<StreamLoss> => {
      const attempts = await (await running.endpoints.of(from)).closeStream(id);
      return { from, to, address, port, recovered: recovered[index] === true, ...measureLoss(attempts) };
    }),
  );
  const passed = routes.every((row) => row.passed) && losses.every((loss) => loss.recovered);
  return { what: deed.what, streams: losses, routes, passed };
}

/**
 * Attempts after the last answered one are still under way and count as neither. The gap runs from the first lost attempt
 * of a row to the next answered one.
 */
export function measureLoss(attempts: readonly Attempt[]): Pick<StreamLoss, 'sent' | 'lost' | 'seconds'> {
  const last = attempts.findLastIndex(({ answeredAt }) => answeredAt !== null);
  let lost = 0;
  let longest = 0;
  let gapStart: number | undefined;
  for (const { at, answeredAt } of attempts.slice(0, last + 1)) {
    if (answeredAt === null) {
      lost += 1;
      gapStart ??= at;
    } else if (gapStart !== undefined) {
      longest = Math.max(longest, at - gapStart);
      gapStart = undefined;
    }
  }
  return { sent: attempts.length, lost, seconds: longest / 1000 };
}

/** `length` attempts in a row, all made after a time, were answered. */
export function isSteady(attempts: readonly Attempt[], since: number, length = steadyRun): boolean {
  let run = 0;
  return attempts.some(({ at, answeredAt }) => {
    run = at > since && answeredAt !== null ? run + 1 : 0;
    return run >= length;
  });
}
