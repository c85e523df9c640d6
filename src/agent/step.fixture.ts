/**
 * A driver for `step`: says what the agent hears, keeps what it asks for, and answers as a well-behaved world would.
 *
 * For tests alone; nothing of the agent is faked but the world around `step`.
 */
import type { RouterIntent } from '../intent/router-intent.ts';
import type { SessionIntent } from '../intent/routing/routing-intent.ts';
import { parseAddress } from '../net/address.ts';
import type { Asn } from '../net/asn.ts';
import { hostPrefix, parsePrefix } from '../net/prefix.ts';
import { compileRuleset } from '../nftables/compile.ts';
import { expectedDigests } from '../nftables/expected-table.ts';
import type { Ruleset } from '../nftables/ruleset.ts';
import type { ObservedParts, ObservedTable } from '../nftables/table-reader.ts';
import { ok } from '../result.ts';
import { isConverged } from './converge.ts';
import type { AgentEvent, AgentState, Effect } from './state.ts';
import { initialState, step } from './step.ts';

interface Shape {
  readonly endpoints?: readonly string[];
  readonly sessions?: readonly string[];
  readonly password?: boolean;
  readonly aggregates?: readonly string[];
  /** What no default route may carry. */
  readonly confined?: readonly string[];
}

/** Drives `step` and keeps what it asked for; `hear` and `answer` give the kinds of the effects, in order. */
export function start() {
  const run = {
    // No text of the user's own is there; a test that is about it says otherwise.
    state: { ...initialState('tr1', { version: 'test', pid: 1, startedAt: '' }), snippets: [] } as AgentState,
    effects: [] as Effect[],
    now: 1_000_000,
    generation: 7,
    pass(ms: number) {
      run.now += ms;
    },
    hear(...events: AgentEvent[]): string[] {
      const kinds: string[] = [];
      for (const event of events) {
        const [state, effects] = step(run.state, event, run.now);
        run.state = state;
        run.effects.push(...effects);
        kinds.push(...effects.map((effect) => effect.kind));
      }
      return kinds;
    },
    answer: (event: AgentEvent) => run.hear(event),
    last<K extends Effect['kind']>(kind: K): Extract<Effect, { kind: K }> {
      const effect = run.effects.findLast((one) => one.kind === kind);
      if (effect === undefined) throw new Error(`no ${kind} was asked for`);
      return effect as Extract<Effect, { kind: K }>;
    },
    goal: () => (run.state.desired?.kind === 'router' ? run.state.desired.filter : undefined),
    /** The kernel took what was asked last, and then shows it. */
    applied() {
      const { goal, check } = run.last('apply-filter');
      run.generation++;
      return run.answer({ kind: 'filter-applied', goal, check, result: ok(undefined) });
    },
    readBack: () => run.answer({ kind: 'filter-read', result: ok(observed(run.goal(), run.generation)) }),
    partsRead: (alter: (parts: ObservedParts) => ObservedParts = (parts) => parts) =>
      run.answer({ kind: 'parts-read', result: ok(alter(run.parts())) }),
    /** What the kernel shows where the last change came about. */
    parts(): ObservedParts {
      const { check } = run.last('apply-filter');
      if (!check) throw new Error('the change is not checked by its parts');
      return {
        generation: run.generation,
        digests: new Map(
          [...check.objects].flatMap(([name, digest]) => (digest === undefined ? [] : [[name, digest]])),
        ),
        elements: check.elements.map((each) => (each.is === 'there' ? { key: '', whole: each.whole } : undefined)),
      };
    },
    /** The kernel was seen to hold what was asked for; `hasChanged` where that took a change. */
    confined(hasChanged = false) {
      const { confinement } = run.last('confine');
      return run.answer({ kind: 'confined', confinement, result: ok(hasChanged) });
    },
    configured() {
      const { text, source, revision } = run.last('configure-bird');
      return run.answer({ kind: 'bird-configured', text, source, revision, result: ok(undefined) });
    },
  };
  return run;
}

export function converged(shape: Shape = {}) {
  const run = start();
  run.hear(intent(1, shape));
  run.answer({ kind: 'filter-read', result: ok(undefined) });
  run.applied();
  run.readBack();
  run.confined();
  run.answer({ kind: 'forwarding-set', on: true, result: ok(false) });
  run.answer({ kind: 'bird-adopted', text: undefined });
  run.configured();
  if (!isConverged(run.state)) throw new Error('the run did not converge');
  return run;
}

/** What the kernel would show if it held exactly this. */
export function observed(goal: { readonly ruleset: Ruleset } | undefined, generation = 7): ObservedTable {
  if (goal === undefined) throw new Error('nothing is desired');
  return { generation, digests: expectedDigests(goal.ruleset) };
}

export const noFlaws = { invalid: [], unreadable: [] };

export function intent(revision: number, shape: Shape = {}): AgentEvent {
  const intent = routerIntent(shape);
  return { kind: 'intent', intent, ruleset: compileRuleset(intent.policy), revision, flaws: noFlaws };
}

export function routerIntent({
  endpoints = ['eth0'],
  sessions = [],
  password = false,
  aggregates = [],
  confined = [],
}: Shape): RouterIntent {
  const none = { ingress: [], egress: [] };
  return {
    router: 'tr1',
    policy: {
      forwardDefault: 'Deny',
      denyVerdict: 'drop',
      dropsInvalid: true,
      logPrefix: 'calico-packet',
      exemptsNeighborDiscovery: true,
      exemptsLoopback: true,
      failsafes: { inbound: [{ protocol: 6, port: 22 }], outbound: [] },
      endpoints: endpoints.map((name) => ({
        name,
        interfaces: [name],
        profiles: [],
        tiers: { untracked: none, preDNAT: none, normal: none, forward: none },
      })),
      policies: new Map(),
      profiles: new Map(),
      addressSets: new Map(),
      portSets: new Map(),
    },
    routing: {
      routerId: '192.0.2.1',
      localAs: 64520 as Asn,
      listenPort: 179,
      listenOn: [],
      sessions: sessions.map((name, i) => session(name, i, password)),
      filters: new Map(),
      staticRoutes: [],
      aggregates: aggregates.flatMap((text) => {
        const prefix = parsePrefix(text);
        return prefix ? [{ prefix, sessions }] : [];
      }),
      prefixAdvertisements: [],
      ignoredInterfaces: [],
      pools: [],
      kernelRejects: [],
      debug: 'off',
      ownPrefixes: [],
      confinement: { within: confined.flatMap((text) => parsePrefix(text) ?? []), except: [] },
      group: undefined,
      multipath: { isOn: false, reason: '' },
      isDrained: false,
    },
    links: [],
    warnings: [],
  };
}

function session(name: string, i: number, password: boolean): SessionIntent {
  const neighbor = parseAddress(`192.0.2.${i + 2}`);
  const within = parsePrefix('10.0.0.0/8');
  if (!neighbor || !within) throw new Error('bad test addresses');
  return {
    name,
    origin: undefined,
    description: name,
    family: 4,
    neighbor,
    port: 179,
    remoteAs: 65010 as Asn,
    localAs: 64520 as Asn,
    passive: false,
    reach: 'direct',
    ttlSecurity: false,
    nextHop: 'self',
    rrClient: false,
    gracefulRestart: 'default',
    allowLocalAs: 0,
    ...(password ? { password: { name: 'bgp', key: 'key' } } : {}),
    enforcesFirstAs: true,
    channels: [
      {
        family: 4,
        extendedNextHop: false,
        import: {
          filters: [],
          bound: { within: [within], except: [hostPrefix(neighbor)] },
          acceptsDefaultRoute: false,
          refusesBogons: false,
          refusesOwnPrefixes: false,
          refusesOwnRoutes: false,
          honorsGracefulShutdown: false,
          default: 'accept',
        },
        export: {
          filters: [],
          bound: { within: [within], except: [] },
          communities: [],
          prepend: 0,
          overridesAs: false,
          hidesMarks: true,
          originatesDefault: false,
          aggregates: [],
          default: 'reject',
        },
      },
    ],
  };
}
