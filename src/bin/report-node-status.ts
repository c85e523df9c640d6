/**
 * Writes the status of every CalicoNodeStatus that asks about this router, as often as it asks.
 *
 *   Snapshot ─which, how often─▶ BIRD ─[calicoNodeStatusOf]─▶ store
 *
 * Beside `step`: who looks at a router changes nothing of what it must be. Routes are read only for those who ask for them.
 * Invariant: one report at a time; one that could not be written is tried again.
 */
import { calicoNodeStatusOf, type NodeObservation } from '../agent/calico-node-status.ts';
import type { RunningAgent } from '../agent/loop.ts';
import type { AgentPorts } from '../agent/ports.ts';
import type { BirdAbout } from '../bird/about.ts';
import type { Resource } from '../resources/resource.ts';
import type { Result } from '../result.ts';

/** What reporting needs of the world. */
export interface NodeStatusPorts extends Pick<AgentPorts, 'bird' | 'clock' | 'log'> {
  about(): Promise<BirdAbout | undefined>;
  write(
    name: string,
    status: Readonly<Record<string, unknown>>,
  ): Promise<Result<void, { readonly kind: string; readonly message: string }>>;
}

const lookMs = 1_000;

/** When a resource, as it was asked for, was last reported. */
interface Report {
  readonly request: string;
  readonly at: number;
}

export function reportNodeStatus(
  router: string,
  agent: Pick<RunningAgent, 'snapshot'>,
  ports: NodeStatusPorts,
): { close(): Promise<void> } {
  const { bird, clock, log } = ports;
  let reports: ReadonlyMap<string, Report> = new Map();
  let work: Promise<void> | undefined;
  let isClosed = false;

  async function look(): Promise<void> {
    const asked = (agent.snapshot()?.list('CalicoNodeStatus') ?? []).filter(({ spec }) => spec.node === router);
    // Forgets what is no longer asked for, so that one made anew is answered at once.
    reports = new Map(asked.flatMap(({ metadata: { name } }) => entryOf(reports, name)));
    const due = asked.filter((one) => isDue(one, reports.get(one.metadata.name), clock.now()));
    if (due.length === 0) return;
    const observation = await observe(due.flatMap(({ spec }) => spec.classes));
    for (const one of due) {
      const { name } = one.metadata;
      const written = await ports.write(name, { ...calicoNodeStatusOf(one.spec.classes, observation) });
      if (written.ok) reports = new Map([...reports, [name, { request: requestOf(one), at: clock.now() }]]);
      else log.write('warn', 'a CalicoNodeStatus could not be written', { name, error: written.error.message });
    }
  }

  async function observe(classes: readonly string[]): Promise<NodeObservation> {
    const wants = (one: string): boolean => classes.includes(one);
    const about = wants('Agent') ? await ports.about() : undefined;
    // Routes name the peer they came from, which the sessions know.
    const sessions = wants('BGP') || wants('Routes') ? await bird.sessions() : undefined;
    const routes = wants('Routes') ? await bird.routes() : undefined;
    return {
      observedAt: new Date(clock.now()).toISOString(),
      about,
      sessions: sessions?.ok ? sessions.value : undefined,
      routes: routes?.ok ? routes.value : undefined,
    };
  }

  const timer = clock.every(lookMs, () => {
    if (work !== undefined || isClosed) return;
    work = look().finally(() => {
      work = undefined;
    });
  });

  return {
    async close() {
      isClosed = true;
      timer.close();
      await work;
    },
  };
}

function entryOf(reports: ReadonlyMap<string, Report>, name: string): [string, Report][] {
  const report = reports.get(name);
  return report ? [[name, report]] : [];
}

/** A period of 0 asks for one report; so does each change of what is asked. */
function isDue(asked: Resource<'CalicoNodeStatus'>, last: Report | undefined, now: number): boolean {
  if (last === undefined || last.request !== requestOf(asked)) return true;
  const period = asked.spec.updatePeriodSeconds * 1_000;
  return period > 0 && now - last.at >= period;
}

/** Of one object as it was asked for: a namesake made later is another request. */
function requestOf({ metadata, spec }: Resource<'CalicoNodeStatus'>): string {
  return JSON.stringify([metadata.uid, spec]);
}
