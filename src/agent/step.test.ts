/** What the agent decides: transcripts of what it hears, and what it then asks for. */
import { describe, expect, it } from 'vitest';
import type { RouterIntent } from '../intent/router-intent.ts';
import { guardRuleset } from '../nftables/guard.ts';
import { firstClass, type Ruleset } from '../nftables/ruleset.ts';
import type { ObservedTable } from '../nftables/table-reader.ts';
import { err, ok } from '../result.ts';
import { isConverged } from './converge.ts';
import type { AgentEvent } from './state.ts';
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
    expect(run.readBack()).toEqual(['save-applied', 'log', 'confine']);
    expect(run.confined()).toEqual(['set-forwarding']);
    expect(run.answer({ kind: 'forwarding-set', on: true, result: ok(true) })).toEqual(['log', 'adopt-bird']);
    expect(run.answer({ kind: 'bird-adopted', text: undefined })).toEqual(['configure-bird']);
    expect(run.configured()).toEqual(['log']);
    expect(isConverged(run.state)).toBe(true);
    expect(statusOf(run.state, 0).policy).toMatchObject({ revision: 1, inSync: true, forwardDefault: 'Deny' });
  });

  it('waits for nothing longer because the clock was put back', () => {
    const run = converged();
    run.hear(intent(2, { endpoints: ['eth0', 'eth1'] }), { kind: 'tick' });
    const { goal, check } = run.last('apply-filter');
    const refused = err({ kind: 'refused', message: 'no' } as const);
    run.answer({ kind: 'filter-applied', goal, check, result: refused });
    run.pass(-900_000);
    expect(run.hear({ kind: 'tick' })).toContain('apply-filter');
  });

  it('calls nothing applied that the kernel does not show', () => {
    const run = start();
    run.hear(intent(1));
    run.answer({ kind: 'filter-read', result: ok(undefined) });
    run.applied();
    expect(run.answer({ kind: 'filter-read', result: ok(tampered(run.goal())) })).toEqual([]);
    expect(statusOf(run.state, 0).policy).toMatchObject({ revision: null, inSync: false });
    expect(statusOf(run.state, 0).lastError?.message).toMatch(/does not hold what was applied/);
    run.pass(60_000);
    expect(run.hear({ kind: 'tick' })).toContain('apply-filter');
  });

  it('keeps the old policy when nft refuses the new one, says so, and tries again later', () => {
    const run = converged();
    expect(run.hear(intent(2, { endpoints: ['eth0', 'eth1'] }))).toEqual(['apply-filter']);
    const refused = err({ kind: 'refused', message: 'no' } as const);
    const { goal, check } = run.last('apply-filter');
    expect(run.answer({ kind: 'filter-applied', goal, check, result: refused })).toEqual(['log']);
    expect(statusOf(run.state, 0)).toMatchObject({
      lastError: { subject: 'nft', message: 'no' },
      policy: { inSync: false },
    });
    expect(run.hear({ kind: 'tick' })).not.toContain('apply-filter');
    run.pass(60_000);
    expect(run.hear({ kind: 'tick' })).toContain('apply-filter');
  });

  it('reads the table where a change did not fit it, and makes the change again', () => {
    const run = converged();
    run.hear(intent(2, { endpoints: ['eth0', 'eth1'] }));
    const { goal, check } = run.last('apply-filter');
    const result = err({ kind: 'stale', message: 'changed meanwhile' } as const);
    const stale = { kind: 'filter-applied', goal, check, result } as const;
    expect(run.answer(stale)).toEqual(['read-filter']);
    expect(run.answer({ kind: 'filter-read', result: ok(observed(converged().goal())) })).toEqual(['apply-filter']);
    expect(run.last('apply-filter').change.whole).toBeUndefined();
    expect(run.answer(stale), 'a second time it waits').toEqual([]);
    run.pass(60_000);
    expect(run.hear({ kind: 'tick' })).toContain('read-filter');
  });

  it('changes only what differs, and reads only that back', () => {
    const run = converged();
    run.hear(intent(2, { endpoints: ['eth0', 'eth1'] }));
    expect(run.last('apply-filter').change.whole).toBeUndefined();
    expect(run.applied()).toEqual(['read-parts']);
    expect(run.last('read-parts').parts.elements.length).toBeGreaterThan(0);
    expect(run.partsRead()).toEqual([]);
    expect(statusOf(run.state, 0).policy).toMatchObject({ revision: 2, inSync: true });
  });

  it('changes what it holds by turns with reading it, where others leave no time to read', () => {
    const run = converged();
    run.hear({ kind: 'filter-touched' });
    const interrupted = err({ kind: 'refused', message: 'the ruleset changed each time it was read' } as const);
    run.answer({ kind: 'filter-read', result: interrupted });
    expect(run.hear(intent(2, { endpoints: ['eth0', 'eth1'] }))).toEqual(['apply-filter']);
    expect(run.last('apply-filter').change.whole).toBeUndefined();
    expect(run.applied()).toEqual(['read-parts']);
    expect(run.partsRead()).toEqual(['read-filter']);
    expect(run.hear(intent(3, { endpoints: ['eth0'] })), 'no change overtakes the reading').toEqual([]);
  });

  it('calls no change applied that the kernel does not show', () => {
    const run = converged();
    run.hear(intent(2, { endpoints: ['eth0', 'eth1'] }));
    run.applied();
    const held = converged().goal();
    expect(run.partsRead((parts) => ({ ...parts, elements: parts.elements.map(() => undefined) }))).toEqual([
      'read-filter',
    ]);
    run.answer({ kind: 'filter-read', result: ok(observed(held, run.generation)) });
    expect(statusOf(run.state, 0).policy).toMatchObject({ revision: null, inSync: false });
    expect(statusOf(run.state, 0).lastError?.message).toMatch(/does not hold what was applied/);
    run.pass(60_000);
    run.hear({ kind: 'tick' });
    expect(run.last('apply-filter').change.whole).toBe(run.goal()?.ruleset);
  });

  it('writes a table at once that was deleted before it was read back, whole or in parts', () => {
    const started = start();
    started.hear(intent(1));
    started.answer({ kind: 'filter-read', result: ok(undefined) });
    started.applied();
    expect(started.answer({ kind: 'filter-read', result: ok(undefined) })).toEqual(['log', 'apply-filter']);

    const changed = converged();
    changed.hear(intent(2, { endpoints: ['eth0', 'eth1'] }));
    changed.applied();
    const nothing = { digests: new Map(), elements: changed.parts().elements.map(() => undefined) };
    expect(changed.partsRead((parts) => ({ ...parts, ...nothing }))).toEqual(['read-filter']);
    expect(changed.answer({ kind: 'filter-read', result: ok(undefined) })).toEqual(['log', 'apply-filter']);
    expect(changed.last('apply-filter').change.whole).toBe(changed.goal()?.ruleset);
    expect(statusOf(changed.state, 0).repairs.count).toBe(1);
  });

  it('does nothing for a revision that changes nothing, and takes note of it', () => {
    const run = converged();
    expect(run.hear(intent(7))).toEqual([]);
    expect(statusOf(run.state, 0).policy).toMatchObject({ revision: 7, inSync: true });
  });

  it('recognises its own table and its own BIRD after a restart and touches neither', () => {
    const before = converged();
    const birdText = before.state.bird.kind === 'running' ? before.state.bird.text : '';
    const run = start();
    expect(run.hear(intent(1))).toEqual(['read-filter']);
    expect(run.readBack()).toEqual(['confine']);
    expect(run.confined()).toEqual(['set-forwarding']);
    expect(run.answer({ kind: 'forwarding-set', on: true, result: ok(false) })).toEqual(['adopt-bird']);
    expect(run.answer({ kind: 'bird-adopted', text: birdText })).toEqual([]);
    expect(isConverged(run.state)).toBe(true);
  });

  it('replaces a table after a restart that is not the one it left', () => {
    const run = start();
    run.hear({ kind: 'started', applied: converged().state.applied, drain: undefined }, intent(1));
    expect(run.answer({ kind: 'filter-read', result: ok(tampered(run.goal())) })).toEqual(['apply-filter']);
    expect(run.last('apply-filter').change.whole).toBe(run.goal()?.ruleset);
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

  it('asks now and then whether anybody changed any table, and reads nothing while nobody did', () => {
    const run = converged();
    run.pass(60_000);
    expect(run.hear({ kind: 'tick' })).toContain('set-forwarding');
    expect(run.answer({ kind: 'forwarding-set', on: true, result: ok(false) })).toEqual(['read-generation']);
    expect(run.answer({ kind: 'generation-read', result: ok(run.generation) })).toEqual([]);
  });

  it('reads the table now and then although nobody but itself changed any', () => {
    const run = converged();
    run.pass(600_000);
    run.hear({ kind: 'tick' });
    run.answer({ kind: 'forwarding-set', on: true, result: ok(false) });
    expect(run.answer({ kind: 'generation-read', result: ok(run.generation) })).toEqual(['read-filter']);
  });

  it('reads a table that nobody touched the less often, the longer it takes', () => {
    const run = converged();
    const look = () => {
      run.pass(60_000);
      run.hear({ kind: 'tick' });
      run.answer({ kind: 'forwarding-set', on: true, result: ok(false) });
      run.generation++; // somebody changed another table
      return run.answer({ kind: 'generation-read', result: ok(run.generation) });
    };
    expect(look()).toEqual(['read-filter']);
    run.pass(2000);
    run.readBack();
    expect(look()).toEqual([]);
    expect(look()).toEqual([]);
    run.pass(60_000);
    expect(look()).toEqual(['read-filter']);
  });

  it('knows its own transactions from those of others by the count of all', () => {
    const run = converged();
    const change = (revision: number, endpoints: string[], others: number) => {
      run.hear(intent(revision, { endpoints }));
      run.applied();
      run.generation += others;
      run.partsRead();
      run.pass(60_000);
      run.hear({ kind: 'tick' });
      run.answer({ kind: 'forwarding-set', on: true, result: ok(false) });
      return run.answer({ kind: 'generation-read', result: ok(run.generation) });
    };
    expect(change(2, ['eth0', 'eth1'], 0)).toEqual([]);
    expect(change(3, ['eth0'], 1)).toEqual(['read-filter']);
  });

  it('closes the way through first where the whole policy takes long to load', () => {
    const run = start();
    run.hear(intent(1, { endpoints: Array.from({ length: 600 }, (_, i) => `eth${i}`) }));
    expect(run.answer({ kind: 'filter-read', result: ok(undefined) })).toEqual(['apply-filter']);
    const { change, goal } = run.last('apply-filter');
    expect(change.whole).toBe(guardRuleset);
    run.applied();
    expect(run.answer({ kind: 'filter-read', result: ok(observed(goal, run.generation)) })).toEqual([
      'save-applied',
      'log',
      'apply-filter',
    ]);
    expect(run.last('apply-filter').goal).toBe(run.goal());
    expect(statusOf(run.state, 0).policy).toMatchObject({ revision: null, inSync: false });
  });

  it('closes the way first, too, where what takes long are classes of addresses', () => {
    const run = start();
    const few = intent(1);
    if (few.kind !== 'intent') throw new Error('not an intent');
    const classes = new Map(Array.from({ length: 2000 }, (_, i) => [`10.0.${i >> 8}.${i & 255}`, firstClass]));
    const hosts = { name: 'hosts', family: 4, isInterval: false, classes } as const;
    run.hear({ ...few, ruleset: { ...few.ruleset, classes: new Map([['hosts', hosts]]) } });
    run.answer({ kind: 'filter-read', result: ok(undefined) });
    expect(run.last('apply-filter').change.whole).toBe(guardRuleset);
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
    expect(run.last('configure-bird').source.routing.sessions.map((session) => session.name)).toEqual(['a']);
    expect(run.configured()).toEqual(['log', 'apply-filter']);
    run.applied();
    expect(run.partsRead()).toContain('configure-bird');
    expect(run.last('configure-bird').source.routing.sessions.map((session) => session.name)).toEqual(['a', 'c']);
  });

  it('takes everything of its own away when the router is no router any more: routes, forwarding, policy', () => {
    const run = converged();
    expect(run.hear({ kind: 'intent-gone', revision: 9, reason: 'no Router', flaws: noFlaws })).toEqual(['stop-bird']);
    expect(run.answer({ kind: 'bird-stopped', result: ok(undefined) })).toEqual(['set-forwarding']);
    expect(run.answer({ kind: 'forwarding-set', on: false, result: ok(true) })).toEqual(['log', 'remove-filter']);
    expect(run.answer({ kind: 'filter-applied', goal: undefined, check: undefined, result: ok(undefined) })).toEqual(
      [],
    );
    expect(isConverged(run.state)).toBe(true);
  });

  describe('when it starts and an object cannot be read', () => {
    const flaws = { invalid: ['GlobalNetworkPolicy/deny: broken'], unreadable: ['GlobalNetworkPolicy/deny'] };
    const flawed = { ...intent(5), flaws } as AgentEvent;

    it('keeps the table it finds, says why, and goes on once the object is mended', () => {
      const run = start();
      expect(run.hear(flawed)).toEqual(['read-filter']);
      expect(run.answer({ kind: 'filter-read', result: ok(tampered(run.goal())) })).toEqual([]);
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
      later.answer({ kind: 'filter-read', result: ok(tampered(later.goal())) });
      expect(later.hear({ kind: 'filter-touched' })).toEqual(['read-filter']);
      expect(later.answer({ kind: 'filter-read', result: ok(undefined) })).toEqual(['apply-filter']);
    });

    it('takes nothing away when it is the router itself that cannot be read', () => {
      const run = start();
      run.hear({ kind: 'started', applied: converged().state.applied, drain: undefined });
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
    run.answer({ kind: 'forwarding-set', on: true, result: ok(false) });
    run.answer({ kind: 'generation-read', result: ok(run.generation) });
    run.pass(1000);
    expect(run.hear({ kind: 'tick' })).toContain('set-forwarding');
  });

  it('touches nothing on a machine that never was a router', () => {
    const run = start();
    run.hear({ kind: 'intent-gone', revision: 1, reason: 'no Router', flaws: noFlaws });
    run.pass(60_000);
    expect(run.hear({ kind: 'tick' })).toEqual(['write-status']);
  });

  it('writes down that the machine is a router, and again where the disk was full', () => {
    const run = start();
    run.hear(intent(1));
    run.answer({ kind: 'filter-read', result: ok(undefined) });
    run.applied();
    expect(run.readBack()).toContain('save-applied');
    run.answer({ kind: 'applied-saved', isSaved: false });
    run.pass(60_000);
    expect(run.hear({ kind: 'tick' })).toContain('save-applied');
    run.answer({ kind: 'applied-saved', isSaved: true });
    run.pass(60_000);
    expect(run.hear({ kind: 'tick' })).not.toContain('save-applied');
  });

  it('holds BIRD back until secrets were read', () => {
    const run = start();
    expect(run.hear(intent(1, { sessions: ['a'], password: true }))).toEqual(['read-secrets', 'read-filter']);
    run.answer({ kind: 'filter-read', result: ok(undefined) });
    run.applied();
    run.readBack();
    run.confined();
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

/** The table with an object in it that is not ours. */
function tampered(goal: { readonly ruleset: Ruleset } | undefined): ObservedTable {
  const table = observed(goal);
  return { ...table, digests: new Map([...table.digests, ['set alien', 'x']]) };
}
