/**
 * What the agent makes of what BIRD says, and of what is put into BIRD's configuration beside the intent.
 *
 *   bird-adopted, bird-configured, snippets, aggregates, drain ─[hear]→ BirdState, repairs
 */
import { locateInSnippets } from '../bird/snippets.ts';
import { type Prefix, printPrefix } from '../net/prefix.ts';
import { failed, log, noted, type Reaction, repaired, succeeded } from './reaction.ts';
import type { AgentEvent, AgentState, Effect } from './state.ts';

/** For how long after a start of BIRD what was active stays so, in ms: its members are still being told again (print.ts, graceful restart wait). */
const settlingMs = 30_000;

export function hearBirdAdopted(state: AgentState, { text }: Extract<AgentEvent, { kind: 'bird-adopted' }>): Reaction {
  if (text !== undefined) {
    const next: AgentState = { ...state, bird: { kind: 'running', text, source: undefined, revision: null } };
    return [next, aggregateEffects(next)];
  }
  // A BIRD that does not run knows no member of any aggregate.
  return [{ ...state, bird: { kind: 'down' }, activeAggregates: state.activeAggregates ?? [] }, []];
}

export function hearBirdConfigured(
  state: AgentState,
  { text, source, revision, result }: Extract<AgentEvent, { kind: 'bird-configured' }>,
  now: number,
): Reaction {
  if (!result.ok) {
    const { message } = result.error;
    const located = locateInSnippets(message, text, source.snippets);
    const error = located === undefined ? message : `BIRD refuses your own text: ${located}`;
    const next = failed(state, 'BIRD', error, now);
    return [next, [log('error', 'BIRD refused the configuration; the old one stays', { error })]];
  }
  const isStart = state.bird.kind !== 'running';
  const next: AgentState = succeeded({
    ...state,
    bird: { kind: 'running', text, source, revision },
    keptAggregates: isStart
      ? { prefixes: state.activeAggregates ?? [], until: now + settlingMs }
      : state.keptAggregates,
  });
  const { sessions } = source.routing;
  return [next, [log('info', 'BIRD took the configuration', { revision, sessions: sessions.length })]];
}

export function hearBirdDown(state: AgentState, now: number): Reaction {
  if (state.bird.kind !== 'running') return [state, []];
  // What was active stays so: while it starts again its peers keep the routes (RFC 4724), aggregates too.
  const next: AgentState = { ...state, bird: { kind: 'down' }, sessions: [] };
  const isAsked = state.activeAggregates !== undefined;
  return repaired(isAsked ? next : { ...next, activeAggregates: [] }, 'BIRD', 'BIRD had died; started again', now);
}

/** A folder that cannot be used takes nothing away: what was read before counts on. */
export function hearSnippets(
  state: AgentState,
  { result }: Extract<AgentEvent, { kind: 'snippets' }>,
  now: number,
): Reaction {
  if (!result.ok) {
    const { message } = result.error;
    const next = noted({ ...state, snippetError: message }, 'BIRD text', message, now);
    const isNews = message !== state.snippetError;
    return [next, isNews ? [log('error', 'the folder of your own BIRD text cannot be used', { error: message })] : []];
  }
  const lastError = state.lastError?.subject === 'BIRD text' ? null : state.lastError;
  const heard: AgentState = { ...state, snippetError: undefined, lastError };
  const { snippets } = state;
  const isSame =
    snippets?.length === result.value.length &&
    snippets.every(({ file, text }, i) => result.value[i]?.file === file && result.value[i]?.text === text);
  if (isSame) return [heard, []];
  // A refused text was not worth another try; this one is.
  const next: AgentState = { ...heard, snippets: result.value, retryAt: 0 };
  const isFirstAndNone = snippets === undefined && result.value.length === 0;
  return [next, isFirstAndNone ? [] : [log('info', 'your own BIRD text was read', { files: result.value.length })]];
}

/** Asks BIRD which aggregates of the intent stand for something. */
export function aggregateEffects({ desired, bird }: AgentState): Effect[] {
  if (desired?.kind !== 'router' || bird.kind !== 'running') return [];
  const { aggregates } = desired.intent.routing;
  return aggregates.length === 0 ? [] : [{ kind: 'read-aggregates', aggregates }];
}

export function hearAggregates(
  state: AgentState,
  { result }: Extract<AgentEvent, { kind: 'aggregates' }>,
  now: number,
): Reaction {
  // A BIRD that ended meanwhile is heard of as bird-down; one that is busy is asked again.
  if (!result.ok || state.bird.kind !== 'running') return [state, []];
  const { prefixes, until } = state.keptAggregates;
  const kept = now < until ? prefixes : [];
  const before = state.activeAggregates?.map(printPrefix);
  const active = withPrefixes(result.value, kept);
  if (before?.join() === active.map(printPrefix).join()) return [state, []];
  const next = { ...state, activeAggregates: active };
  return [next, [log('info', 'aggregates stand for something', { active: active.map(printPrefix) })]];
}

/** Without doubles, in one order. */
function withPrefixes(one: readonly Prefix[], other: readonly Prefix[]): readonly Prefix[] {
  const byText = new Map([...one, ...other].map((prefix) => [printPrefix(prefix), prefix]));
  return [...byText].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, prefix]) => prefix);
}

export function hearDrain(state: AgentState, { record }: Extract<AgentEvent, { kind: 'drain' }>): Reaction {
  // A change that the operator waits for is not held up by an earlier failure.
  const next: AgentState = { ...state, drain: record, retryAt: 0 };
  if (record === undefined) return [next, [log('info', 'the router is back in service', {})]];
  return [next, [log('info', 'the router is being drained', { reason: record.reason })]];
}
