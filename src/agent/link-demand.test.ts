/** What may be done about links, as far as policy and BIRD are. */
import { describe, expect, it } from 'vitest';
import { ok } from '../result.ts';
import { isConverged } from './converge.ts';
import { linkDemand } from './link-demand.ts';
import { statusOf } from './status-of.ts';
import { converged, intent, noFlaws, start } from './step.fixture.ts';

const none: ReadonlySet<string> = new Set();

describe('the demand for links', () => {
  it('is not known before the first complete snapshot, nor on a machine that never was the router', () => {
    const run = start();
    expect(linkDemand(run.state, none)).toBeUndefined();
    run.hear({ kind: 'intent-gone', revision: 1, reason: 'gone', flaws: noFlaws });
    expect(linkDemand(run.state, none)).toBeUndefined();
  });

  it('is guarded once the policy was seen in the kernel, and settled once BIRD has its text', () => {
    const run = start();
    run.hear(intent(1));
    expect(linkDemand(run.state, none)).toMatchObject({ isGuarded: false, isSettled: false });
    run.answer({ kind: 'filter-read', result: ok(undefined) });
    run.applied();
    expect(linkDemand(run.state, none)).toMatchObject({ isGuarded: false });
    run.readBack();
    expect(linkDemand(run.state, none)).toMatchObject({ isGuarded: true, isSettled: false });
    run.confined();
    run.answer({ kind: 'forwarding-set', on: true, result: ok(false) });
    run.answer({ kind: 'bird-adopted', text: undefined });
    run.configured();
    expect(linkDemand(run.state, none)).toMatchObject({ isGuarded: true, isSettled: true });
  });

  it('is not guarded while a change of policy is under way, nor settled while BIRD lacks a change', () => {
    const run = converged();
    run.hear(intent(2, { endpoints: ['eth0', 'eth1'], sessions: ['a'] }));
    expect(linkDemand(run.state, none)).toMatchObject({ isGuarded: false, isSettled: false });
  });

  it('is that all links go, once BIRD is gone with the router', () => {
    const run = converged();
    run.hear({ kind: 'intent-gone', revision: 2, reason: 'gone', flaws: noFlaws });
    expect(linkDemand(run.state, none)).toMatchObject({ links: [], isSettled: false });
    run.answer({ kind: 'bird-stopped', result: ok(undefined) });
    expect(linkDemand(run.state, none)).toMatchObject({ links: [], isGuarded: true, isSettled: true });
  });

  it('has the policy of a router that is gone wait until its links are', () => {
    const run = converged();
    run.hear({ kind: 'links', links: [], areKept: true });
    run.hear({ kind: 'intent-gone', revision: 2, reason: 'gone', flaws: noFlaws });
    run.answer({ kind: 'bird-stopped', result: ok(undefined) });
    expect(run.answer({ kind: 'forwarding-set', on: false, result: ok(true) })).not.toContain('remove-filter');
    expect(linkDemand(run.state, none)).toMatchObject({ isAwaited: true });
    expect(isConverged(run.state)).toBe(false);
    expect(run.hear({ kind: 'links', links: [], areKept: true })).toContain('remove-filter');
  });

  it('is not known while what is in force is kept, since resources cannot be read', () => {
    const run = start();
    const { kind: _, ...first } = intent(1) as Extract<ReturnType<typeof intent>, { kind: 'intent' }>;
    run.hear({ kind: 'intent', ...first, flaws: { invalid: ['x'], unreadable: ['x'] } });
    expect(linkDemand(run.state, none)).toBeUndefined();
  });
});

describe('what was seen of links', () => {
  it('is in the status', () => {
    const run = converged();
    const link = {
      attachment: 'dc',
      interfaceName: 'eth0.101',
      kind: 'vlan',
      driver: 'kernel-8021q',
      state: 'up',
      reason: null,
      mtu: 1500,
      remotes: [],
    } as const;
    run.hear({ kind: 'links', links: [link], areKept: true });
    expect(statusOf(run.state, run.now).links).toEqual([link]);
  });
});
