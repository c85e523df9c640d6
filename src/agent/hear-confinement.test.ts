/** What no default route may carry: when the agent asks for it, looks at it, and gives it up. */
import { expect, it } from 'vitest';
import { printPrefix } from '../net/prefix.ts';
import { err, ok } from '../result.ts';
import { isConverged } from './converge.ts';
import { statusOf } from './status-of.ts';
import { converged, intent, noFlaws, start } from './step.fixture.ts';

const confined = ['10.0.0.0/8'];

it('is in the kernel before the router forwards', () => {
  const run = start();
  run.hear(intent(1, { confined }));
  run.answer({ kind: 'filter-read', result: ok(undefined) });
  run.applied();
  expect(run.readBack()).toEqual(['save-applied', 'log', 'confine']);
  expect(run.last('confine').confinement.within.map(printPrefix)).toEqual(confined);
  expect(statusOf(run.state, 0).routing.confined).toBe(0);
  expect(run.confined(true)).toEqual(['log', 'set-forwarding']);
  expect(statusOf(run.state, 0).routing.confined).toBe(1);
});

it('keeps the router from forwarding while the kernel does not take it, says why, and is tried again', () => {
  const run = start();
  run.hear(intent(1, { confined }));
  run.answer({ kind: 'filter-read', result: ok(undefined) });
  run.applied();
  run.readBack();
  const { confinement } = run.last('confine');
  const refused = err({ kind: 'failed', subject: 'confinement', message: 'no rules here' } as const);
  expect(run.answer({ kind: 'confined', confinement, result: refused })).toEqual([]);
  expect(run.hear({ kind: 'tick' })).not.toContain('set-forwarding');
  expect(statusOf(run.state, 0).lastError).toMatchObject({ subject: 'confinement', message: 'no rules here' });
  run.pass(60_000);
  expect(run.hear({ kind: 'tick' })).toContain('confine');
});

it('comes before the routes of a Site that gets a tunnel, and is not written again for an equal one', () => {
  const run = converged();
  expect(run.hear(intent(2, { confined, sessions: ['a'] }))).toEqual(['confine']);
  expect(run.confined(true)).toEqual(['log', 'configure-bird']);
  run.configured();
  expect(run.hear(intent(3, { confined, sessions: ['a'] }))).toEqual([]);
  expect(run.hear(intent(4, { confined: [...confined, 'fd00::/8'], sessions: ['a'] }))).toEqual(['confine']);
});

it('is looked at when somebody changed it and in every slow round, and what was put right is counted', () => {
  const run = converged({ confined });
  expect(run.hear({ kind: 'confinement-touched' })).toEqual(['confine']);
  expect(run.confined(true)).toEqual(['log']);
  expect(statusOf(run.state, 0).repairs).toMatchObject({ count: 1, last: { subject: 'confinement' } });
  run.pass(60_000);
  run.hear({ kind: 'tick' });
  run.answer({ kind: 'forwarding-set', on: true, result: ok(false) });
  expect(run.state.busy).toBe('confine');
  run.confined();
  expect(statusOf(run.state, 0).repairs.count).toBe(1);
});

it('costs a router nothing that confines nothing', () => {
  const run = converged();
  const before = run.effects.filter(({ kind }) => kind === 'confine').length;
  run.pass(60_000);
  run.hear({ kind: 'confinement-touched' }, { kind: 'tick' });
  run.answer({ kind: 'forwarding-set', on: true, result: ok(false) });
  expect(run.effects.filter(({ kind }) => kind === 'confine')).toHaveLength(before);
});

it('goes with the router, once that forwards no more', () => {
  const run = converged({ confined });
  run.hear({ kind: 'intent-gone', revision: 2, reason: 'gone', flaws: noFlaws });
  run.answer({ kind: 'bird-stopped', result: ok(undefined) });
  expect(run.answer({ kind: 'forwarding-set', on: false, result: ok(true) })).toEqual(['log', 'confine']);
  expect(run.last('confine').confinement.within).toEqual([]);
  expect(run.confined(true)).toEqual(['log', 'remove-filter']);
  run.answer({ kind: 'filter-applied', goal: undefined, check: undefined, result: ok(undefined) });
  expect(isConverged(run.state)).toBe(true);
});
