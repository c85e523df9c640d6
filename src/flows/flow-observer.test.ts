import { describe, expect, it } from 'vitest';
import type { StagedChange } from '../intent/policy/policy-intent.ts';
import { resource } from '../resources/resource.fixture.ts';
import { makeSnapshot } from '../resources/snapshot.ts';
import { endpoint, policyIntent, rules, tier } from '../verdict/policy.fixture.ts';
import { FlowObserver, type ObserverContext } from './flow-observer.ts';
import type { LogMessage } from './nflog-message.ts';
import { ipv4, ports } from './wire.fixture.ts';

function message(port: number, prefix = 'causeway deny forward-in'): LogMessage {
  const packet = ipv4('10.0.0.1', '10.9.0.1', { protocol: 6 }, ...ports(40000, port));
  return { prefix, hook: 'forward', inbound: 0, outbound: 1, packet, sequence: 0, original: undefined };
}

const only = (by: Parameters<typeof rules>[2], name = 'web') =>
  policyIntent({
    endpoints: [endpoint('left', ['eth0'], { forward: { ingress: [tier('default', 'Deny', name)] } })],
    policies: new Map([rules(name, 'default', by)]),
  });

function context(policy = only({ ingress: [['Deny']] })): ObserverContext {
  return { policy, snapshot: makeSnapshot([]), fib: undefined, nameOf: (index) => `eth${index}` };
}

const never = () => false;

describe('what comes', () => {
  it('becomes records', () => {
    const observer = new FlowObserver(String);
    observer.observe([message(1), message(2), message(1)], context(), 0, never);
    expect(observer.journal.records().map(({ destination, packets }) => [destination.port, packets])).toEqual([
      [1, 2],
      [2, 1],
    ]);
    expect(observer.unrecorded()).toEqual({ limited: 0, lost: 0, skipped: 0, unreadable: 0 });
  });

  it('waits when time is up, as far as there is room, and the rest is said to be skipped', () => {
    const observer = new FlowObserver(String);
    const shown = () => observer.journal.records().map(({ destination, packets }) => [destination.port, packets]);
    let looks = 0;
    observer.observe([message(1), message(2), message(1)], context(), 0, () => looks++ > 0);
    expect(shown()).toEqual([[1, 1]]);
    observer.observe([message(3)], context(), 1, never);
    expect(shown()).toEqual([
      [1, 2],
      [2, 1],
      [3, 1],
    ]);
    observer.observe(
      Array.from({ length: 2500 }, (_, i) => message(i)),
      context(),
      2,
      () => true,
    );
    expect(observer.unrecorded()).toEqual({ limited: 0, lost: 0, skipped: 500, unreadable: 0 });
  });

  it('waits while there is no policy, and until owners of addresses have been read, in as many turns as that takes', () => {
    const workload = (i: number) => {
      const spec = { node: 'n', orchestrator: 'k8s', ipNetworks: [`10.0.${i >> 8}.${i & 255}/32`] };
      return resource('WorkloadEndpoint', `w${i}`, spec, { i: `${i}` }, 'ns');
    };
    const crowded = { ...context(), snapshot: makeSnapshot(Array.from({ length: 2000 }, (_, i) => workload(i))) };
    const observer = new FlowObserver(String);
    observer.observe([message(1)], undefined, 0, never);
    let turns = 0;
    for (; observer.journal.records().length === 0 && turns < 10; turns++) {
      let looks = 0;
      observer.observe([], crowded, 0, () => looks++ > 1);
    }
    expect(turns).toBeGreaterThan(1);
    expect(observer.journal.records()[0]?.source.owners.map(({ labels }) => labels['i'])).toEqual(['1']);
  });

  it('may be no packet', () => {
    const observer = new FlowObserver(String);
    observer.observe([{ ...message(1), packet: new Uint8Array(3) }], context(), 0, never);
    expect(observer.unrecorded().unreadable).toBe(1);
    expect(observer.journal.records()).toEqual([]);
  });
});

describe('denied packets that were not told', () => {
  it('are what the kernel counts beyond what it told', () => {
    const observer = new FlowObserver(String);
    observer.noteDenied(new Map([['forward-in-deny', 1000]]));
    observer.observe([message(1), message(2)], context(), 0, never);
    observer.noteDenied(new Map([['forward-in-deny', 1050]]));
    expect(observer.unrecorded().limited).toBe(48);
    observer.noteLost(8);
    expect(observer.unrecorded()).toMatchObject({ limited: 40, lost: 8 });
  });

  it('are never fewer than none, as when a message comes before its count', () => {
    const observer = new FlowObserver(String);
    observer.observe([message(1)], context(), 0, never);
    expect(observer.unrecorded().limited).toBe(0);
  });

  it('go on being counted when a chain is written anew, and with a chain that is new', () => {
    const observer = new FlowObserver(String);
    observer.noteDenied(new Map([['forward-in-deny', 1000]]));
    observer.noteDenied(
      new Map([
        ['forward-in-deny', 7],
        ['local-in-deny', 5],
      ]),
    );
    expect(observer.unrecorded().limited).toBe(12);
  });
});

describe('a staged policy', () => {
  const enforced = only({ ingress: [['Allow', { protocol: 6 }]] });
  const summaryOf = (change: StagedChange, wouldBe: typeof enforced) => {
    const observer = new FlowObserver(String);
    const policy = { ...enforced, staged: { policy: wouldBe, changes: [change] } };
    const sample = 'causeway sample forward-in';
    observer.observe([message(80, sample), message(81, sample), message(80, sample)], context(policy), 0, never);
    return observer.summaries(policy)[0];
  };

  it('is summed up by flows, whatever becomes of them', () => {
    const change: StagedChange = { id: 'GlobalNetworkPolicy/new', action: 'Set', target: 'GlobalNetworkPolicy/web' };
    const only80 = { protocol: 6, destination: { ports: { ranges: [{ first: 80, last: 80 }], portSets: [] } } };
    expect(summaryOf(change, only({ ingress: [['Allow', only80]] }, 'new'))).toEqual({
      policy: 'GlobalNetworkPolicy/new',
      action: 'Set',
      target: 'GlobalNetworkPolicy/web',
      matched: 2,
      wouldAllow: 1,
      wouldDeny: 1,
      differing: 1,
    });
  });

  it('that deletes counts what the deleted one decides now', () => {
    const change: StagedChange = {
      id: 'StagedGlobalNetworkPolicy/web',
      action: 'Delete',
      target: 'GlobalNetworkPolicy/web',
    };
    const without = policyIntent({ endpoints: [endpoint('left', ['eth0'])], forwardDefault: 'Deny' });
    expect(summaryOf(change, without)).toMatchObject({ matched: 2, wouldAllow: 0, wouldDeny: 2, differing: 2 });
  });

  it('that is edited is counted from nothing', () => {
    const change: StagedChange = { id: 'GlobalNetworkPolicy/new', action: 'Set' };
    const edition = () => ({
      ...enforced,
      staged: { policy: only({ ingress: [['Deny']] }, 'new'), changes: [change] },
    });
    const observer = new FlowObserver(String);
    const first = edition();
    observer.observe([message(80, 'causeway sample forward-in')], context(first), 0, never);
    expect(observer.summaries(first)[0]?.wouldDeny).toBe(1);
    expect(observer.summaries(edition())[0]?.wouldDeny).toBe(0);
  });

  it('without a flow is there with nothing counted', () => {
    const changes: StagedChange[] = [{ id: 'StagedGlobalNetworkPolicy/x', action: 'Set' }];
    const observer = new FlowObserver(String);
    expect(observer.summaries({ ...enforced, staged: { policy: enforced, changes } })).toEqual([
      {
        policy: 'StagedGlobalNetworkPolicy/x',
        action: 'Set',
        target: null,
        matched: 0,
        wouldAllow: 0,
        wouldDeny: 0,
        differing: 0,
      },
    ]);
    expect(observer.summaries(enforced)).toEqual([]);
  });
});
