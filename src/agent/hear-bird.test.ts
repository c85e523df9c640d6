/** What the agent decides about what stands in BIRD's configuration beside the intent: drain, own text, aggregates. */
import { describe, expect, it } from 'vitest';
import { type Prefix, parsePrefix } from '../net/prefix.ts';
import { err, ok } from '../result.ts';
import { isConverged } from './converge.ts';
import { parseDrainRecord } from './drain-record.ts';
import type { AgentEvent } from './state.ts';
import { statusOf } from './status-of.ts';
import { converged, intent, observed, start } from './step.fixture.ts';

type Run = ReturnType<typeof start>;

const drain: AgentEvent = { kind: 'drain', record: { since: '2026-11-25T08:00:00Z', reason: 'new kernel' } };
const undrain: AgentEvent = { kind: 'drain', record: undefined };
const textOf = (run: Run): string => (run.state.bird.kind === 'running' ? run.state.bird.text : '');

describe('a drain', () => {
  it('reconfigures BIRD and nothing else, and counts as in force once BIRD took it', () => {
    const run = converged({ sessions: ['a'] });
    expect(run.hear(drain)).toEqual(['log', 'configure-bird']);
    expect(run.last('configure-bird').source.isDrained).toBe(true);
    expect(statusOf(run.state, 0).drain).toMatchObject({ isOn: true, reason: 'new kernel', isInForce: false });
    run.configured();
    expect(statusOf(run.state, 0).drain).toMatchObject({ isOn: true, isInForce: true });
    expect(isConverged(run.state)).toBe(true);
  });

  it('ends with the text there was before, byte by byte', () => {
    const run = converged({ sessions: ['a'] });
    const before = textOf(run);
    run.hear(drain);
    run.configured();
    expect(run.hear(undrain)).toEqual(['log', 'configure-bird']);
    run.configured();
    expect(textOf(run)).toBe(before);
    expect(statusOf(run.state, 0).drain).toEqual({ isOn: false, since: null, reason: null, isInForce: true });
  });

  it('stays through a change of the intent and through a restart of BIRD', () => {
    const run = converged({ sessions: ['a'] });
    run.hear(drain);
    run.configured();
    run.hear(intent(2, { sessions: ['a', 'b'] }));
    expect(run.last('configure-bird').source).toMatchObject({ isDrained: true });
    run.configured();
    expect(run.hear({ kind: 'bird-down' })).toEqual(['log', 'configure-bird']);
    expect(run.last('configure-bird').source).toMatchObject({ isDrained: true });
  });

  it('asked for twice changes nothing the second time', () => {
    const run = converged({ sessions: ['a'] });
    run.hear(drain);
    run.configured();
    expect(run.hear(drain)).toEqual(['log']);
  });

  it('is tried at once although an earlier configuration failed', () => {
    const run = converged({ sessions: ['a'] });
    run.hear(intent(2, { sessions: ['a', 'b'] }));
    refuse(run, 'no');
    run.pass(1000);
    tick(run);
    refuse(run, 'no');
    run.pass(600);
    expect(tick(run), 'it waits longer after each failure').not.toContain('configure-bird');
    expect(statusOf(run.state, 0).lastError).not.toBeNull();
    run.hear(drain);
    expect(run.answer({ kind: 'forwarding-set', on: true, result: ok(false) })).toContain('configure-bird');
  });

  it('of a damaged file counts as one', () => {
    expect(parseDrainRecord('{"since":"2026-11-25T08:00:00Z","reason":"x"}', 'now').reason).toBe('x');
    for (const text of ['', '{', 'null', '[]', '{"since":"soon","reason":""}', '{"since":"2026-11-25T08:00:00Z"}']) {
      expect(parseDrainRecord(text, '2026-11-25T09:00:00Z').since).toBe('2026-11-25T09:00:00Z');
    }
  });
});

describe('own BIRD text', () => {
  const read = (...texts: string[]): AgentEvent => ({
    kind: 'snippets',
    result: ok(texts.map((text, i) => ({ file: `${i}.conf`, text }))),
  });

  it('is read at the start and now and then, and reconfigures BIRD where it changed', () => {
    const run = converged({ sessions: ['a'] });
    run.pass(60_000);
    expect(tick(run)).toContain('read-snippets');
    expect(run.hear(read('define user_a = 1;'))).toEqual(['log', 'configure-bird']);
    expect(run.last('configure-bird').text).toContain('define user_a = 1;');
    run.configured();
    expect(run.hear(read('define user_a = 1;'))).toEqual([]);
  });

  it('that BIRD refuses leaves the old configuration, and its file and line are named', () => {
    const run = converged({ sessions: ['a'] });
    const before = textOf(run);
    run.hear(read('define user_a = 1;\ndefine user_b = ;'));
    const line = run.last('configure-bird').text.split('\n').indexOf('define user_b = ;') + 1;
    refuse(run, `/run/causeway/tr1/bird.conf.next:${line}:17 syntax error, unexpected ';'`);
    expect(textOf(run)).toBe(before);
    expect(statusOf(run.state, 0).lastError?.message).toContain("0.conf:2:17 syntax error, unexpected ';'");
    run.hear(intent(2, { sessions: ['a', 'b'] }));
    expect(run.last('configure-bird').text, 'no change goes out without the text').toContain('define user_b = ;');
    expect(run.hear(read('define user_b = 2;')), 'a mended one is tried at once').toContain('log');
    refuse(run, 'x');
    expect(run.hear(read('define user_b = 3;'))).toEqual(['log', 'configure-bird']);
    refuse(run, 'x');
    run.hear(intent(3, { sessions: ['a'] }), read());
    expect(statusOf(run.state, 0).lastError, 'taken away, nothing is amiss').toBeNull();
  });

  it('that cannot be used keeps what was read before, and the status says so until it is mended', () => {
    const run = converged({ sessions: ['a'] });
    run.hear(read('define user_a = 1;'));
    run.configured();
    const bad: AgentEvent = { kind: 'snippets', result: err({ message: '/etc/x/0.conf: mode 666' }) };
    expect(run.hear(bad)).toEqual(['log']);
    expect(run.hear(bad), 'said once').toEqual([]);
    expect(statusOf(run.state, 0)).toMatchObject({ lastError: { subject: 'BIRD text' } });
    expect(statusOf(run.state, 0).warnings).toContain('/etc/x/0.conf: mode 666');
    run.hear(intent(2, { sessions: ['a', 'b'] }));
    expect(run.last('configure-bird').text).toContain('define user_a = 1;');
    run.configured();
    run.hear(read('define user_a = 1;'));
    expect(statusOf(run.state, 0)).toMatchObject({ lastError: null, warnings: [] });
  });

  it('that cannot be used at a start leaves BIRD as the predecessor left it', () => {
    const run = start();
    run.state = { ...run.state, snippets: undefined };
    expect(run.hear({ kind: 'started', applied: undefined, drain: undefined })).toEqual(['read-snippets']);
    run.hear({ kind: 'snippets', result: err({ message: 'no' }) });
    untilBird(run, { sessions: ['a'] });
    expect(run.answer({ kind: 'bird-adopted', text: 'what there was' })).toEqual([]);
    expect(isConverged(run.state)).toBe(false);
    expect(run.hear(read())).toEqual(['configure-bird']);
  });
});

describe('an aggregate', () => {
  const ten = prefix('10.0.0.0/8');
  const shape = { sessions: ['a'], aggregates: ['10.0.0.0/8', '2001:db8::/32'] };
  const active = (...prefixes: Prefix[]): AgentEvent => ({ kind: 'aggregates', result: ok(prefixes) });

  it('is asked for every second, and only a change of the answer reconfigures BIRD', () => {
    const run = converged(shape);
    expect(tick(run)).toContain('read-aggregates');
    expect(run.hear(active())).toEqual([]);
    expect(run.hear(active(ten))).toEqual(['log', 'configure-bird']);
    expect(run.last('configure-bird').source.activeAggregates).toEqual([ten]);
    run.configured();
    expect(run.hear(active(ten))).toEqual([]);
    run.pass(600_000);
    expect(run.hear(active())).toEqual(['log', 'configure-bird']);
    expect(run.last('configure-bird').source.activeAggregates).toEqual([]);
  });

  it('costs no question where there is none', () => {
    expect(tick(converged({ sessions: ['a'] }))).not.toContain('read-aggregates');
  });

  it('stays while BIRD starts again, until its peers have told their routes', () => {
    const run = converged(shape);
    run.hear(active(ten));
    run.configured();
    run.pass(600_000);
    run.hear({ kind: 'bird-down' });
    expect(run.last('configure-bird').source.activeAggregates).toEqual([ten]);
    run.configured();
    expect(run.hear(active()), 'BIRD knows no route yet').toEqual([]);
    run.hear(active(prefix('2001:db8::/32'), ten));
    run.configured();
    expect(run.hear(active(ten)), 'what came after the start goes as ever').toEqual(['log', 'configure-bird']);
    run.configured();
    run.pass(61_000);
    expect(run.hear(active())).toEqual(['log', 'configure-bird']);
  });

  it('is asked for by a restarted agent before it says anything to the BIRD it found', () => {
    const before = converged(shape);
    before.hear(active(ten));
    before.configured();
    const run = start();
    untilBird(run, shape);
    expect(run.answer({ kind: 'bird-adopted', text: textOf(before) })).toEqual(['read-aggregates']);
    expect(isConverged(run.state)).toBe(false);
    expect(
      run.hear({ kind: 'aggregates', result: err({ kind: 'timeout', subject: 'show route', message: 'busy' }) }),
    ).toEqual([]);
    expect(run.hear(active(ten))).toEqual(['log']);
    expect(isConverged(run.state)).toBe(true);
  });
});

it('secrets that are read again and are the same compile nothing', () => {
  const run = start();
  const secrets = () => ({ kind: 'secrets', secrets: new Map([['bgp/key', 'x']]) }) as const;
  run.hear(secrets());
  const kept = run.state.secrets;
  run.hear(secrets());
  expect(run.state.secrets).toBe(kept);
  run.hear({ kind: 'secrets', secrets: new Map([['bgp/key', 'y']]) });
  expect(run.state.secrets?.get('bgp/key')).toBe('y');
});

/** The bell of a second; what is looked at then is found as it was. What was asked for. */
function tick(run: Run): string[] {
  const asked = run.hear({ kind: 'tick' });
  if (run.state.busy === 'set-forwarding') {
    asked.push(...run.answer({ kind: 'forwarding-set', on: true, result: ok(false) }));
  }
  if (run.state.busy === 'read-generation') {
    asked.push(...run.answer({ kind: 'generation-read', result: ok(run.generation) }));
  }
  return asked;
}

function refuse(run: Run, message: string): void {
  const { text, source, revision } = run.last('configure-bird');
  const result = err({ kind: 'refused', subject: 'configure-check', message } as const);
  run.answer({ kind: 'bird-configured', text, source, revision, result });
}

/** Everything up to what BIRD is found to be. */
function untilBird(run: Run, shape: Parameters<typeof intent>[1]): void {
  run.hear(intent(1, shape));
  run.answer({ kind: 'filter-read', result: ok(observed(run.goal())) });
  run.confined();
  run.answer({ kind: 'forwarding-set', on: true, result: ok(false) });
}

function prefix(text: string): Prefix {
  const parsed = parsePrefix(text);
  if (!parsed) throw new Error(text);
  return parsed;
}
