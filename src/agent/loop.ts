/**
 * The agent's loop: hears events one after the other, performs the effects that `step` asks for.
 *
 *   store, kernel, BIRD, clock ─events→ [step] ─effects→ ports ─events→ …
 *
 * A snapshot that comes while an effect is under way waits, and gives way to the next one: what many changes in a row cost is
 * one transaction after the other, not one each.
 * Invariant: decides nothing. Each effect ends in an event, whatever happened; stopping the loop leaves the router as it is.
 */
import { heldBack } from '../bird/held-back.ts';
import { IntentResolver } from '../intent/intent-resolver.ts';
import type { InterfaceFacts } from '../intent/policy/policy-intent.ts';
import type { RouterIntent } from '../intent/router-intent.ts';
import type { LinkDemand, LinkStatus } from '../links/link-keeper.ts';
import { RulesetCompiler } from '../nftables/ruleset-compiler.ts';
import type { Snapshot } from '../resources/snapshot.ts';
import type { Result } from '../result.ts';
import { isConverged } from './converge.ts';
import { linkDemand } from './link-demand.ts';
import { expectedRuleset, lookTwice } from './look-twice.ts';
import type { AgentPorts, HostChange, SnapshotFlaws } from './ports.ts';
import type { AgentEvent, AgentState, Effect } from './state.ts';
import type { RouterStatus } from './status.ts';
import { statusOf } from './status-of.ts';
import { initialState, step, tickMs } from './step.ts';

/**
 * How often interfaces are read although no bell rang, in ms: one may have changed before the bell hung, or could not be read.
 */
const interfacesMs = 5000;
/** How often limits that acted are looked at, in ms: BIRD goes through its whole table to count. */
const limitsMs = 5000;

export interface RunningAgent {
  status(): RouterStatus;
  /** Undefined before the first complete snapshot, and when the router's resources are gone. */
  intent(): RouterIntent | undefined;
  /** The newest one; undefined before the first. */
  snapshot(): Snapshot | undefined;
  /** Whether the router was seen to be what is desired. */
  isConverged(): boolean;
  /** Undefined while links are to stay as they are. */
  linkDemand(): LinkDemand | undefined;
  /** Hears how the links are, and whether all was done for them that is desired. */
  noteLinks(links: readonly LinkStatus[], areKept: boolean): void;
  /** Takes the router out of service, or back; resolves once that is kept. Asking for what is so already is fine. */
  setDrain(on: boolean, reason: string): Promise<Result<void, { readonly message: string }>>;
  /** Stops hearing and doing; effects under way are waited for. The router stays as it is. */
  stop(): Promise<void>;
}

export async function startAgent(router: string, agent: AgentState['agent'], ports: AgentPorts): Promise<RunningAgent> {
  const resolver = new IntentResolver(router);
  let compiler = new RulesetCompiler();
  const underWay = new Set<Promise<void>>();
  let state = initialState(router, agent);
  let snapshot: Snapshot | undefined;
  let flaws: SnapshotFlaws = { invalid: [], unreadable: [] };
  let interfaces: readonly InterfaceFacts[] | undefined;
  let interfacesRead: Promise<void> | undefined;
  let areInterfacesDue = false;
  /** A snapshot, or interfaces, that no intent was made of yet. */
  let isBehind = false;
  let isStopped = false;

  function hear(event: AgentEvent): void {
    if (isStopped) return;
    const [next, effects] = step(state, event, ports.clock.now());
    state = next;
    for (const effect of effects) {
      const done = perform(effect, ports, next).then((answer) => {
        underWay.delete(done);
        if (answer) hear(answer);
      });
      underWay.add(done);
    }
    catchUp();
  }

  function catchUp(): void {
    if (!isBehind || state.busy !== undefined || isStopped) return;
    if (snapshot === undefined || interfaces === undefined) return;
    isBehind = false;
    const { revision } = snapshot;
    const resolved = resolver.update(snapshot, interfaces);
    if (resolved.ok) {
      const { intent, deltas } = resolved.value;
      hear({ kind: 'intent', intent, ruleset: compiler.update(intent.policy, deltas), revision, flaws });
    } else {
      // What moves while the router is gone no delta tells: when it comes back all is compiled anew.
      compiler = new RulesetCompiler();
      hear({ kind: 'intent-gone', revision, reason: `the store holds no Router or Node named ${router}`, flaws });
    }
  }

  /** One reading after the other: the newest counts, however long each takes. */
  function readInterfaces(): Promise<void> {
    areInterfacesDue = true;
    interfacesRead ??= readDueInterfaces().finally(() => {
      interfacesRead = undefined;
    });
    return interfacesRead;
  }

  async function readDueInterfaces(): Promise<void> {
    while (areInterfacesDue && !isStopped) {
      areInterfacesDue = false;
      const read = await ports.host.interfaces();
      if (read.ok) {
        interfaces = read.value;
        isBehind = true;
        catchUp();
      } else ports.log.write('error', 'interfaces cannot be read', { error: read.error.message });
    }
  }

  async function checkRoutes(): Promise<void> {
    const repaired = await ports.bird.restoreRoutes();
    if (repaired.ok && repaired.value.length > 0) hear({ kind: 'routes-repaired', prefixes: repaired.value });
  }

  /** What a limit held back is not lost: it passes once there is room. */
  async function readmitRoutes(): Promise<void> {
    if (heldBack(state.sessions).length === 0) return;
    const given = await ports.bird.readmitRoutes();
    if (!given.ok || given.value.length === 0) return;
    ports.log.write('info', 'routes that a limit had held back have room now', { sessions: given.value });
  }

  function hearChange(change: HostChange): void {
    switch (change) {
      case 'interfaces':
        void readInterfaces();
        return;
      case 'route-deleted':
        void checkRoutes();
        return;
      case 'confinement':
        hear({ kind: 'confinement-touched' });
        return;
    }
  }

  let drainWritten: Promise<unknown> = Promise.resolve();
  /** The file first: what was promised must survive whatever comes next. */
  function setDrain(on: boolean, reason: string): Promise<Result<void, { readonly message: string }>> {
    const done = drainWritten.then(async () => {
      const since = state.drain?.since ?? new Date(ports.clock.now()).toISOString();
      const record = on ? { since, reason: reason || (state.drain?.reason ?? '') } : undefined;
      const saved = await ports.drain.save(record);
      if (saved.ok) hear({ kind: 'drain', record });
      return saved;
    });
    drainWritten = done.catch(() => undefined);
    return done;
  }

  hear({ kind: 'started', applied: await ports.applied.load(), drain: await ports.drain.load() });
  await readInterfaces();
  const open = [
    ports.host.watch(hearChange),
    ports.filter.monitor(() => hear({ kind: 'filter-touched' })),
    ports.bird.onDown(() => hear({ kind: 'bird-down' })),
    ports.clock.every(tickMs, () => hear({ kind: 'tick' })),
    ports.clock.every(interfacesMs, () => void readInterfaces()),
    ports.clock.every(limitsMs, () => void readmitRoutes()),
    ports.snapshots.follow({
      onSnapshot(next, flawsNow) {
        snapshot = next;
        flaws = flawsNow;
        isBehind = true;
        catchUp();
      },
      onConnection: (connected, message) => hear({ kind: 'store', connected, message }),
    }),
  ];

  return {
    status: () => statusOf(state, ports.clock.now()),
    intent: () => (state.desired?.kind === 'router' ? state.desired.intent : undefined),
    snapshot: () => snapshot,
    isConverged: () => isConverged(state),
    linkDemand: () => linkDemand(state, new Set(interfaces?.map(({ name }) => name))),
    noteLinks: (links, areKept) => hear({ kind: 'links', links, areKept }),
    setDrain,
    async stop() {
      isStopped = true;
      for (const each of open) each.close();
      await Promise.allSettled(underWay);
      ports.bird.leave();
    },
  };
}

/** Performs one effect and gives the event that tells how it went; undefined where nobody needs to know. */
async function perform(effect: Effect, ports: AgentPorts, state: AgentState): Promise<AgentEvent | undefined> {
  switch (effect.kind) {
    case 'read-filter':
      return { kind: 'filter-read', result: await lookTwice(ports.table, expectedRuleset(state)) };
    case 'read-parts':
      return { kind: 'parts-read', result: await ports.table.readParts(effect.parts) };
    case 'read-generation':
      return { kind: 'generation-read', result: await ports.table.readGeneration() };
    case 'apply-filter': {
      const { goal, check } = effect;
      return { kind: 'filter-applied', goal, check, result: await ports.filter.apply(effect.change) };
    }
    case 'remove-filter':
      return { kind: 'filter-applied', goal: undefined, check: undefined, result: await ports.filter.remove() };
    case 'save-applied':
      return { kind: 'applied-saved', isSaved: await ports.applied.save(effect.record) };
    case 'set-forwarding':
      return { kind: 'forwarding-set', on: effect.on, result: await ports.host.setForwarding(effect.on) };
    case 'confine': {
      const { confinement } = effect;
      return { kind: 'confined', confinement, result: await ports.host.confine(confinement) };
    }
    case 'adopt-bird':
      return { kind: 'bird-adopted', text: await ports.bird.adopt() };
    case 'configure-bird': {
      const { text, source, revision } = effect;
      return { kind: 'bird-configured', text, source, revision, result: await ports.bird.configure(text) };
    }
    case 'stop-bird':
      return { kind: 'bird-stopped', result: await ports.bird.stop() };
    case 'read-sessions':
      return { kind: 'sessions', result: await ports.bird.sessions() };
    case 'read-aggregates':
      return { kind: 'aggregates', result: await ports.bird.activeAggregates(effect.aggregates) };
    case 'read-snippets':
      return { kind: 'snippets', result: await ports.snippets.read() };
    case 'read-secrets':
      return { kind: 'secrets', secrets: await ports.secrets.read(effect.refs) };
    case 'write-status':
      return { kind: 'status-written', text: effect.text, result: await ports.status.write(effect.status) };
    case 'log':
      ports.log.write(effect.level, effect.message, effect.fields);
      return undefined;
  }
}
