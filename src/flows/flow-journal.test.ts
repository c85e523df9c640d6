import { describe, expect, it } from 'vitest';
import type { Explained } from './explain-message.ts';
import { FlowJournal } from './flow-journal.ts';
import type { FlowRecord } from './flow-record.ts';

const limits = { records: 3, openFlows: 2, foldMs: 1000 };

function explained(port: number, more: Partial<Explained> = {}): Explained {
  const end = { address: '10.0.0.1', port, owners: [] };
  return {
    record: {
      event: 'denied',
      in: 'eth0',
      out: 'eth1',
      source: end,
      destination: end,
      protocol: 'tcp',
      icmp: null,
      stage: 'forward-ingress',
      verdict: 'drop',
      rule: null,
      reason: '',
      loggedBy: [],
      note: null,
      staged: null,
    },
    messagesOfEach: 1,
    walks: undefined,
    ...more,
  };
}

function journal() {
  return new FlowJournal((ms) => `t${ms}`, limits);
}

const shape = (records: readonly FlowRecord[]) =>
  records.map(({ time, source, packets }) => [time, source.port, packets]);

describe('records', () => {
  it('fold packets of one flow within a second, and begin anew after it', () => {
    const kept = journal();
    expect(kept.fold('a', 'p')).toBe(false);
    kept.add('a', 'p', explained(1), 0);
    expect([kept.fold('a', 'p'), kept.fold('a', 'p')]).toEqual([true, true]);
    expect(shape(kept.records())).toEqual([['t0', 1, 3]]);
    kept.tick(999);
    expect(kept.fold('a', 'p')).toBe(true);
    kept.tick(1000);
    expect(kept.fold('a', 'p')).toBe(false);
    kept.add('a', 'p', explained(1), 1000);
    expect(shape(kept.records())).toEqual([
      ['t0', 1, 4],
      ['t1000', 1, 1],
    ]);
  });

  it('count packets, not messages: two Log rules with one prefix, or two places of a sample', () => {
    const kept = journal();
    kept.add('logged', 'p', explained(1, { messagesOfEach: 2 }), 0);
    for (let i = 0; i < 3; i++) kept.fold('logged', 'p');
    kept.add('sampled', 'in', explained(2), 0);
    for (const prefix of ['out', 'in', 'out']) kept.fold('sampled', prefix);
    expect(shape(kept.records())).toEqual([
      ['t0', 1, 2],
      ['t0', 2, 2],
    ]);
  });

  it('are as many as there is room for, the newest', () => {
    const kept = journal();
    for (let port = 1; port <= 8; port++) kept.add(`flow ${port}`, 'p', explained(port), port);
    expect(shape(kept.records()).map(([, port]) => port)).toEqual([4, 5, 6, 7, 8]);
    kept.tick(5000);
    expect(shape(kept.records()).map(([, port]) => port)).toEqual([6, 7, 8]);
  });

  it('of nothing to record are none, and fold all the same', () => {
    const kept = journal();
    kept.add('a', 'p', explained(1, { record: undefined }), 0);
    expect(kept.fold('a', 'p')).toBe(true);
    kept.tick(1000);
    expect(kept.records()).toEqual([]);
  });

  it('are told to followers once they are closed, until these stop', () => {
    const kept = journal();
    const heard: FlowRecord[] = [];
    const following = kept.follow((record) => heard.push(record));
    kept.add('a', 'p', explained(1), 0);
    kept.fold('a', 'p');
    expect(heard).toEqual([]);
    kept.tick(1000);
    expect(shape(heard)).toEqual([['t0', 1, 2]]);
    following.close();
    kept.add('b', 'p', explained(2), 2000);
    kept.tick(3000);
    expect(heard).toHaveLength(1);
  });
});
