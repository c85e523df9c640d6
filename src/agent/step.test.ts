/** What the agent decides: transcripts of what it hears, and what it then asks for. */
import { describe, expect, it } from 'vitest';
import type { RouterIntent } from '../intent/router-intent.ts';
import { observedDigests } from '../nftables/read.ts';
import { err, ok } from '../result.ts';
import { isConverged } from './converge.ts';
import type { AgentEvent, AgentState } from './state.ts';
import { statusOf } from './status-of.ts';
import { converged, intent, noFlaws, observed, routerIntent, start } from './step.fixture.ts';

describe('the agent', () => {
  it('writes nothing before the first complete snapshot', () => {
    const run = start();
    expect(
      run.hear({ kind: 'tick' }, { kind: 'store', connected: false, message: 'gone' }, { kind: 'filter-touched' }),
    ).toEqual(['log']);
  });

  it('puts policy into the kernel and reads it back, then forwards, then speaks BGP', () => {
    const run = start();
    expect(run.hear(intent(1))).toEqual(['read-filter']);
    expect(run.answer({ kind: 'filter-read', result: ok(undefined) })).toEqual(['apply-filter']);
    expect(run.applied()).toEqual(['read-filter']);
    expect(run.readBack()).toEqual(['save-applied', 'log', 'set-forwarding']);
    expect(run.answer({ kind: 'forwarding-set', on: true, result: ok(true) })).toEqual(['log', 'adopt-bird']);
    expect(run.answer({ kind: 'bird-adopted', text: undefined })).toEqual(['configure-bird']);
    expect(run.configured()).toEqual(['log']);
    expect(isConverged(run.state)).toBe(true);
    expect(statusOf(run.state, 0).policy).toMatchObject({ revision: 1, inSync: true, forwardDefault: 'Deny' });
  });

  it('calls nothing applied that the kernel does not show', () => {
    const run = start();
    run.hear(intent(1));
    run.answer({ kind: 'filter-read', result: ok(undefined) });
    run.applied();
    expect(run.answer({ kind: 'filter-read', result: ok({ ...observed(run.goal()), chains: new Map() }) })).toEqual([]);
    expect(statusOf(run.state, 0).policy).toMatchObject({ revision: null, inSync: false });
    expect(statusOf(run.state, 0).lastError?.message).toMatch(/does not hold what was applied/);
    run.pass(60_000);
    expect(run.hear({ kind: 'tick' })).toContain('apply-filter');
  });

  it('keeps the old policy when nft refuses the new one, says so, and tries again later', () => {
    const run = converged();
    expect(run.hear(intent(2, { endpoints: ['eth0', 'eth1'] }))).toEqual(['apply-filter']);
    const refused = err({ kind: 'refused', line: 3, message: 'no' } as const);
    expect(run.answer({ kind: 'filter-applied', goal: run.goal(), moved: undefined, result: refused })).toEqual([
      'log',
    ]);
    expect(statusOf(run.state, 0)).toMatchObject({
      lastError: { subject: 'nft', message: 'no' },
      policy: { inSync: false },
    });
    expect(run.hear({ kind: 'tick' })).not.toContain('apply-filter');
    run.pass(60_000);
    expect(run.hear({ kind: 'tick' })).toContain('apply-filter');
  });

  it('changes only what differs', () => {
    const run = converged();
    run.hear(intent(2, { endpoints: ['eth0', 'eth1'] }));
    expect(run.last('apply-filter').text).not.toContain('delete table');
    expect(run.last('apply-filter').text).toContain('eth1');
  });

  it('does nothing for a revision that changes nothing, and takes note of it', () => {
    const run = converged();
    expect(run.hear(intent(7))).toEqual([]);
    expect(statusOf(run.state, 0).policy).toMatchObject({ revision: 7, inSync: true });
  });

  it('recognises its own table and its own BIRD after a restart and touches neither', () => {
    const before = converged();
    const applied = before.state.applied;
    const birdText = before.state.bird.kind === 'running' ? before.state.bird.text : '';
    const run = start();
    run.hear({ kind: 'started', applied });
    expect(run.hear(intent(1))).toEqual(['read-filter']);
    const table = observed(run.goal());
    expect(run.answer({ kind: 'filter-read', result: ok(table) })).toEqual(['set-forwarding']);
    expect(run.answer({ kind: 'forwarding-set', on: true, result: ok(false) })).toEqual(['adopt-bird']);
    expect(run.answer({ kind: 'bird-adopted', text: birdText })).toEqual([]);
    expect(isConverged(run.state)).toBe(true);
  });

  it('replaces a table after a restart that is not the one it left', () => {
    const applied = converged().state.applied;
    const run = start();
    run.hear({ kind: 'started', applied });
    run.hear(intent(1));
    const tampered = { ...observed(run.goal()), sets: new Map([['alien', { declaration: '', elements: [] }]]) };
    expect(run.answer({ kind: 'filter-read', result: ok(tampered) })).toEqual(['apply-filter']);
    expect(run.last('apply-filter').text).toContain('delete table inet causeway');
  });

  it('repairs a flushed table as soon as the bell rings, and counts it', () => {
    const run = converged();
    expect(run.hear({ kind: 'filter-touched' })).toEqual(['read-filter']);
    expect(run.answer({ kind: 'filter-read', result: ok(undefined) })).toEqual(['log', 'apply-filter']);
    expect(statusOf(run.state, 0).repairs).toMatchObject({ count: 1, last: { subject: 'nft table' } });
  });

  it('reads again when the bell rings while it reads', () => {
    const run = converged();
    run.hear({ kind: 'filter-touched' });
    expect(run.hear({ kind: 'filter-touched' })).toEqual([]);
    expect(run.readBack()).toEqual(['read-filter']);
    expect(run.readBack()).toEqual([]);
  });

  it('reads a table that nobody touched the less often, the longer it takes', () => {
    const run = converged();
    run.hear({ kind: 'filter-touched' });
    run.pass(2000);
    run.readBack();
    run.pass(100_000);
    expect(run.hear({ kind: 'tick' })).not.toContain('read-filter');
    run.answer({ kind: 'forwarding-set', on: true, result: ok(false) });
    run.pass(100_000);
    expect(run.hear({ kind: 'tick' })).toContain('read-filter');
  });

  it('closes the way through first where the whole policy takes long to load', () => {
    const run = start();
    run.hear(intent(1, { endpoints: Array.from({ length: 600 }, (_, i) => `eth${i}`) }));
    expect(run.answer({ kind: 'filter-read', result: ok(undefined) })).toEqual(['apply-filter']);
    const { text, goal } = run.last('apply-filter');
    expect(text).toContain('closed while the policy is being loaded');
    run.answer({ kind: 'filter-applied', goal, moved: undefined, result: ok(undefined) });
    expect(run.answer({ kind: 'filter-read', result: ok(observed(goal)) })).toEqual([
      'save-applied',
      'log',
      'apply-filter',
    ]);
    expect(run.last('apply-filter').text).toContain('eth599');
    expect(run.last('apply-filter').goal).toBe(run.goal());
    expect(statusOf(run.state, 0).policy).toMatchObject({ revision: null, inSync: false });
  });

  it('is not alarmed by a bell that its own write rang', () => {
    const run = converged();
    run.hear({ kind: 'filter-touched' });
    expect(run.answer({ kind: 'filter-read', result: ok(observed(run.goal())) })).toEqual([]);
    expect(statusOf(run.state, 0).repairs.count).toBe(0);
  });

  it('starts a BIRD that died again, with what it had', () => {
    const run = converged();
    expect(run.hear({ kind: 'bird-down' })).toEqual(['log', 'configure-bird']);
    expect(statusOf(run.state, 0).repairs.last?.subject).toBe('BIRD');
  });

  it('switches forwarding on again when somebody switched it off', () => {
    const run = converged();
    run.pass(60_000);
    run.hear({ kind: 'tick' });
    run.answer({ kind: 'filter-read', result: ok(observed(run.goal())) });
    run.answer({ kind: 'forwarding-set', on: true, result: ok(true) });
    expect(statusOf(run.state, 0).repairs.last?.subject).toBe('forwarding');
  });

  it('leaves everything as it is while the store is unreachable', () => {
    const run = converged();
    expect(run.hear({ kind: 'store', connected: false, message: 'gone' })).toEqual(['log']);
    expect(run.hear({ kind: 'filter-touched' })).toEqual(['read-filter']);
    expect(statusOf(run.state, 0)).toMatchObject({ store: { connected: false }, lastError: { subject: 'store' } });
  });

  it('takes routes of a session away before the policy that guarded them', () => {
    const run = converged({ endpoints: ['eth0', 'eth1'], sessions: ['a', 'b'] });
    expect(run.hear(intent(2, { endpoints: ['eth0'], sessions: ['a', 'c'] }))).toEqual(['configure-bird']);
    expect(run.last('configure-bird').routing.sessions.map((session) => session.name)).toEqual(['a']);
    expect(run.configured()).toEqual(['log', 'apply-filter']);
    run.applied();
    expect(run.readBack()).toContain('configure-bird');
    expect(run.last('configure-bird').routing.sessions.map((session) => session.name)).toEqual(['a', 'c']);
  });

  it('takes everything of its own away when the router is no router any more: routes, forwarding, policy', () => {
    const run = converged();
    expect(run.hear({ kind: 'intent-gone', revision: 9, reason: 'no Router', flaws: noFlaws })).toEqual(['stop-bird']);
    expect(run.answer({ kind: 'bird-stopped', result: ok(undefined) })).toEqual(['set-forwarding']);
    expect(run.answer({ kind: 'forwarding-set', on: false, result: ok(true) })).toEqual(['log', 'apply-filter']);
    expect(run.answer({ kind: 'filter-applied', goal: undefined, moved: undefined, result: ok(undefined) })).toEqual(
      [],
    );
    expect(isConverged(run.state)).toBe(true);
  });

  describe('when it starts and an object cannot be read', () => {
    const flaws = { invalid: ['GlobalNetworkPolicy/deny: broken'], unreadable: ['GlobalNetworkPolicy/deny'] };
    const flawed = { ...intent(5), flaws } as AgentEvent;
    const alien = new Map([['alien', { declaration: '', elements: [] }]]);

    it('keeps the table it finds, says why, and goes on once the object is mended', () => {
      const run = start();
      expect(run.hear(flawed)).toEqual(['read-filter']);
      expect(run.answer({ kind: 'filter-read', result: ok({ ...observed(run.goal()), sets: alien }) })).toEqual([]);
      expect(statusOf(run.state, 0).lastError?.message).toMatch(/stays until mended: GlobalNetworkPolicy\/deny/);
      expect(isConverged(run.state)).toBe(false);
      expect(run.hear(intent(6))).toEqual(['apply-filter']);
      expect(statusOf(run.state, 0).lastError).toBeNull();
    });

    it('closes a kernel that has no table, now or as soon as it has none', () => {
      const run = start();
      run.hear(flawed);
      expect(run.answer({ kind: 'filter-read', result: ok(undefined) })).toEqual(['apply-filter']);
      const later = start();
      later.hear(flawed);
      later.answer({ kind: 'filter-read', result: ok({ ...observed(later.goal()), sets: alien }) });
      expect(later.hear({ kind: 'filter-touched' })).toEqual(['read-filter']);
      expect(later.answer({ kind: 'filter-read', result: ok(undefined) })).toEqual(['apply-filter']);
    });

    it('takes nothing away when it is the router itself that cannot be read', () => {
      const run = start();
      run.hear({ kind: 'started', applied: converged().state.applied });
      run.hear({ kind: 'intent-gone', revision: 9, reason: 'no Router', flaws });
      expect(run.answer({ kind: 'filter-read', result: ok(observed(converged().goal())) })).toEqual([]);
    });
  });

  it('takes nothing away when another, younger store stands in the place of the one it knew', () => {
    const run = converged();
    run.hear(intent(7));
    expect(run.hear({ kind: 'intent-gone', revision: 1, reason: 'no Router', flaws: noFlaws })).toEqual([]);
    expect(statusOf(run.state, 0)).toMatchObject({ policy: { inSync: true }, lastError: { subject: 'resources' } });
  });

  it('says of each warning what resource it is about, and says it once', () => {
    const run = start();
    const subject = { kind: 'Site', metadata: { name: 'a' } } as NonNullable<
      RouterIntent['warnings'][number]['subject']
    >;
    const warning = {
      code: 'x',
      message: 'odd',
      subject,
      path: ['spec', 'prefixes', 0],
    } as RouterIntent['warnings'][number];
    run.hear({ ...intent(1), intent: { ...routerIntent({}), warnings: [warning, warning] } } as AgentEvent);
    expect(statusOf(run.state, 0).warnings).toEqual(['Site/a spec.prefixes[0]: odd']);
  });

  it('looks at the forwarding switch every second', () => {
    const run = converged();
    run.hear({ kind: 'tick' });
    run.readBack();
    run.answer({ kind: 'forwarding-set', on: true, result: ok(false) });
    run.pass(1000);
    expect(run.hear({ kind: 'tick' })).toContain('set-forwarding');
  });

  it('touches nothing on a machine that never was a router', () => {
    const run = start();
    run.hear({ kind: 'intent-gone', revision: 1, reason: 'no Router', flaws: noFlaws });
    run.pass(60_000);
    expect(run.hear({ kind: 'tick' })).toEqual(['write-status']);
  });

  it('holds BIRD back until secrets were read', () => {
    const run = start();
    expect(run.hear(intent(1, { sessions: ['a'], password: true }))).toEqual(['read-secrets', 'read-filter']);
    run.answer({ kind: 'filter-read', result: ok(undefined) });
    run.applied();
    run.readBack();
    run.answer({ kind: 'forwarding-set', on: true, result: ok(false) });
    expect(run.answer({ kind: 'bird-adopted', text: undefined })).toEqual([]);
    expect(run.hear({ kind: 'secrets', secrets: new Map([['bgp/key', 'hunter2']]) })).toEqual(['configure-bird']);
    expect(JSON.stringify(statusOf(run.state, 0))).not.toContain('hunter2');
  });

  it.each([
    [new Map<string, string>(), /is held down: secret bgp\/key is missing$/],
    [new Map([['bgp/key', 'a"b-hunter2']]), /is held down: secret bgp\/key: the password has a quotation mark/],
  ])('says which session is held down, and why, and never the secret', (secrets, why) => {
    const run = start();
    run.hear(intent(1, { sessions: ['a'], password: true }), { kind: 'secrets', secrets });
    const down = {
      name: 'a',
      neighbor: '192.0.2.1',
      remoteAs: 1,
      localAs: 2,
      since: '',
      lastError: null,
      channels: [],
    };
    run.hear({ kind: 'sessions', result: ok([{ ...down, state: 'Down' }]) });
    const status = statusOf(run.state, 0);
    expect(status.warnings).toEqual([expect.stringMatching(why)]);
    expect(status.routing.sessions).toMatchObject([{ name: 'a', lastError: expect.stringMatching(why) }]);
    expect(JSON.stringify(status)).not.toContain('hunter2');
  });
});

/** Only to show that digests of what `observed` makes can tell tables apart. */
it('digests tell an altered table', () => {
  const run = converged();
  const table = observed(run.goal());
  const altered = { ...table, chains: new Map([...table.chains].slice(1)) };
  expect(observedDigests(altered)).not.toEqual(observedDigests(table));
  expect(run.state satisfies AgentState).toBeDefined();
});
