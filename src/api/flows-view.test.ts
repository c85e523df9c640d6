import { describe, expect, it } from 'vitest';
import type { FlowRecord } from '../flows/flow-record.ts';
import { isAskedFor, parseFlowQuery } from './flows-view.ts';

const ask = (text: string) => parseFlowQuery(new Map(new URLSearchParams(text)));

describe('a query', () => {
  const none = { denied: false, staged: false, follow: false, since: undefined };
  it.each([
    ['', none],
    ['denied', { ...none, denied: true }],
    ['denied=true&staged=false', { ...none, denied: true }],
    ['follow=true&staged=true', { ...none, follow: true, staged: true }],
    ['since=2026-11-25T12:00:00Z', { ...none, since: Date.UTC(2026, 10, 25, 12) }],
  ])('%j', (text, query) => {
    expect(ask(text)).toEqual({ ok: true, value: query });
  });

  it.each([
    ['denied=yes', /denied is true or false/],
    ['since=yesterday', /since is no time/],
    ['limit=5', /limit cannot be asked for; the keys are denied/],
  ])('%j is refused', (text, reason) => {
    const refused = ask(text);
    expect(refused.ok || refused.error).toMatch(reason);
  });
});

describe('a record is asked for', () => {
  const record = (verdict: FlowRecord['verdict'], differs: boolean): FlowRecord => ({
    time: '2026-11-25T12:00:00.000Z',
    event: 'logged',
    in: null,
    out: null,
    source: { address: '10.0.0.1', port: null, owners: [] },
    destination: { address: '10.0.0.2', port: null, owners: [] },
    protocol: '47',
    icmp: null,
    stage: 'default',
    verdict,
    rule: null,
    reason: '',
    loggedBy: [],
    note: null,
    packets: 1,
    staged: { verdict: 'accept', stage: 'default', rule: null, reason: '', differs },
  });
  it.each([
    ['denied', record('drop', false), true],
    ['denied', record('reject', false), true],
    ['denied', record('accept', true), false],
    ['staged', record('accept', true), true],
    ['staged', record('drop', false), false],
    ['staged', { ...record('drop', true), staged: null }, false],
    ['since=2026-11-25T12:00:00Z', record('accept', false), true],
    ['since=2026-11-25T12:00:01Z', record('accept', false), false],
    ['denied&staged', record('drop', true), true],
  ] as const)('%s', (text, each, is) => {
    const query = ask(text);
    expect(query.ok && isAskedFor(query.value, each)).toBe(is);
  });
});
