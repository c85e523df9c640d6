/** What is asked of the drivers, and when: transcripts of a keeper in a world that says how far policy and BIRD are. */
import { describe, expect, it } from 'vitest';
import type { LinkIntent } from '../intent/links/links-intent.ts';
import { wireguardLink } from '../intent/links/wireguard-link.fixture.ts';
import { type Address, parseAddress } from '../net/address.ts';
import { err, ok } from '../result.ts';
import {
  beginTurn,
  dueTurns,
  endTurn,
  initialLinkKeeper,
  type LinkDemand,
  linkStatuses,
  pendingReason,
  type Turn,
  touch,
} from './link-keeper.ts';
import type { LinkReport } from './link-report.ts';

const base = (interfaceName: string) => ({
  attachment: `att-${interfaceName}`,
  interfaceName,
  addresses: [],
  remotes: [parseAddress('169.254.1.1') as Address],
  mtu: undefined,
  mssClamp: undefined,
});

const vlan = (name: string, id = 101): LinkIntent => ({ ...base(name), kind: 'vlan', parent: 'eth0', id });

const wireguard = (name: string, over?: string): LinkIntent =>
  wireguardLink({
    ...base(name),
    underlay: over === undefined ? undefined : { attachment: `att-${over}`, interfaceName: over, gateways: [] },
  });

const device = (name: string): LinkIntent => ({ ...base(name), kind: 'interface' });

const reportOf = (link: LinkIntent, state: LinkReport['state'] = 'up'): LinkReport => ({
  attachment: link.attachment,
  interfaceName: link.interfaceName,
  kind: link.kind,
  driver: 'device',
  state,
  reason: state === 'up' ? null : 'because',
  mtu: 1500,
});

/** A keeper, and a world in which drivers answer only when they are told to. */
function start() {
  const run = {
    keeper: initialLinkKeeper,
    demand: { links: [], isGuarded: true, isSettled: true, isAwaited: false, present: new Set() } as LinkDemand,
    now: 1_000_000,
    underWay: [] as Turn[],
    want(links: readonly LinkIntent[], stage: 'unguarded' | 'guarded' | 'settled') {
      const isSettled = stage === 'settled';
      run.demand = { ...run.demand, links, isGuarded: stage !== 'unguarded', isSettled };
      return run.look();
    },
    pass(ms: number) {
      run.now += ms;
      return run.look();
    },
    /** What drivers are asked now, as `kind: devices`. */
    look(): string[] {
      const turns = dueTurns(run.keeper, run.demand, run.now);
      for (const turn of turns) {
        run.keeper = beginTurn(run.keeper, turn, run.demand);
        run.underWay.push(turn);
      }
      return turns.map(({ kind, links, sweeps }) => {
        const names = links.map((link) => link.interfaceName).join(' ');
        return `${kind}: ${names}${sweeps ? '' : ' beside what is there'}`;
      });
    },
    /** Every driver under way answers; then what is asked next. */
    answer(state: LinkReport['state'] = 'up'): string[] {
      for (const turn of run.underWay) {
        const reports = turn.links.map((link) => reportOf(link, state));
        run.keeper = endTurn(run.keeper, turn, ok(reports), run.now);
      }
      run.underWay = [];
      return run.look();
    },
    /** Every driver under way fails as a whole. */
    fail(message: string): void {
      for (const turn of run.underWay) run.keeper = endTurn(run.keeper, turn, err({ message }), run.now);
      run.underWay = [];
    },
    pending: () => pendingReason(run.keeper, run.demand),
    states: () =>
      linkStatuses(run.keeper, run.demand).map(({ interfaceName, state, reason }) => [interfaceName, state, reason]),
  };
  return run;
}

/** With these links up. */
function kept(...links: readonly LinkIntent[]) {
  const run = start();
  run.want(links, 'settled');
  while (run.underWay.length > 0) run.answer();
  return run;
}

const nothing = ['interface: ', 'vlan: ', 'ipsec: ', 'wireguard: '];

describe('a keeper of links', () => {
  it('asks every driver once where no link is wanted, since a predecessor may have left some', () => {
    const run = start();
    expect(run.want([], 'settled')).toEqual(nothing);
    expect(run.answer()).toEqual([]);
    expect(run.pass(3_600_000)).toEqual([]);
  });

  it('asks nothing of a driver before the policy is in the kernel', () => {
    const run = start();
    expect(run.want([vlan('eth0.101')], 'unguarded')).toEqual([]);
    expect(run.states()).toEqual([['eth0.101', 'down', 'policy for it is not in the kernel yet']]);
  });

  it('leaves what a predecessor left until BIRD has settled without it, and looks after the others meanwhile', () => {
    const run = start();
    expect(run.want([vlan('eth0.101')], 'guarded')).toEqual(['vlan: eth0.101 beside what is there']);
    run.answer();
    expect(run.pass(15_000)).toEqual(['vlan: eth0.101 beside what is there']);
    run.answer();
    expect(run.want([vlan('eth0.101')], 'settled')).toEqual([
      'interface: ',
      'vlan: eth0.101',
      'ipsec: ',
      'wireguard: ',
    ]);
    run.answer();
    expect(run.want([vlan('eth0.101')], 'guarded')).toEqual([]);
    expect(run.pass(15_000)).toEqual(['vlan: eth0.101']);
  });

  it('brings a link about once its policy is in the kernel, before BIRD has settled', () => {
    const run = kept(vlan('eth0.101'));
    const links = [vlan('eth0.101'), vlan('eth0.102', 102)];
    expect(run.want(links, 'unguarded')).toEqual([]);
    expect(run.want(links, 'guarded')).toEqual(['vlan: eth0.101 eth0.102']);
  });

  it('takes a link away once BIRD has settled without it', () => {
    const run = kept(vlan('eth0.101'), vlan('eth0.102', 102));
    expect(run.want([vlan('eth0.101')], 'unguarded')).toEqual([]);
    expect(run.want([vlan('eth0.101')], 'guarded')).toEqual([]);
    expect(run.states().map(([name]) => name)).toEqual(['eth0.101', 'eth0.102']);
    expect(run.want([vlan('eth0.101')], 'settled')).toEqual(['vlan: eth0.101']);
    run.answer();
    expect(run.states().map(([name]) => name)).toEqual(['eth0.101']);
  });

  it('takes all links away once BIRD is gone with the router', () => {
    const run = kept(device('eth1'), vlan('eth0.101'));
    expect(run.want([], 'guarded')).toEqual([]);
    expect(run.want([], 'settled')).toEqual(['interface: ', 'vlan: ']);
  });

  it('sets an underlay up before its tunnel, and takes it away after', () => {
    const run = start();
    const links = [vlan('eth0.101'), wireguard('wg0', 'eth0.101')];
    expect(run.want(links, 'settled')).toEqual(['interface: ', 'vlan: eth0.101', 'ipsec: ', 'wireguard: ']);
    expect(run.states()[1]).toEqual(['wg0', 'down', 'eth0.101 comes first']);
    expect(run.answer()).toEqual(['wireguard: wg0']);
    run.answer();
    expect(run.want([], 'settled')).toEqual(['wireguard: ']);
    expect(run.answer()).toEqual(['vlan: ']);
  });

  it('has a tunnel set up over an underlay that failed: its own state tells', () => {
    const run = start();
    run.want([vlan('eth0.101'), wireguard('wg0', 'eth0.101')], 'settled');
    expect(run.answer('failed')).toEqual(['wireguard: wg0']);
  });

  it('gives a name to another kind once the first has let go of it', () => {
    const run = kept(device('x0'));
    expect(run.want([wireguard('x0')], 'settled')).toEqual(['interface: ']);
    expect(run.states()).toEqual([['x0', 'down', 'its device is still in use']]);
    expect(run.answer()).toEqual(['wireguard: x0']);
  });

  it('waits for no other kind', () => {
    const run = kept(vlan('eth0.101'));
    run.want([vlan('eth0.101'), wireguard('wg0')], 'settled');
    expect(run.underWay.map(({ kind }) => kind)).toEqual(['wireguard']);
    expect(run.want([vlan('eth0.102'), wireguard('wg0')], 'settled')).toEqual(['vlan: eth0.102']);
  });

  it('has one turn of a kind at a time, and what changed meanwhile makes the next', () => {
    const run = kept(vlan('eth0.101'));
    run.want([vlan('eth0.102')], 'settled');
    expect(run.want([vlan('eth0.103')], 'settled')).toEqual([]);
    expect(run.answer()).toEqual(['vlan: eth0.103']);
  });

  it('looks again when a bell rings, not more often than four times a second', () => {
    const run = kept(vlan('eth0.101'));
    run.keeper = touch(run.keeper, 'vlan');
    expect(run.look()).toEqual([]);
    expect(run.pass(250)).toEqual(['vlan: eth0.101']);
    run.keeper = touch(run.keeper, 'vlan');
    run.answer();
    expect(run.pass(250)).toEqual(['vlan: eth0.101']);
    run.answer();
    expect(run.pass(250)).toEqual([]);
  });

  it('looks again when a device of its own appears or goes', () => {
    const run = kept(vlan('eth0.101'));
    run.demand = { ...run.demand, present: new Set(['eth0.101', 'eth9']) };
    expect(run.pass(250)).toEqual(['vlan: eth0.101']);
    run.answer();
    run.demand = { ...run.demand, present: new Set(['eth0.101']) };
    expect(run.pass(250)).toEqual([]);
    run.demand = { ...run.demand, present: new Set() };
    expect(run.look()).toEqual(['vlan: eth0.101']);
  });

  it('looks every quarter of a minute although nothing rang, and at once when the clock was put back', () => {
    const run = kept(vlan('eth0.101'));
    expect(run.pass(14_999)).toEqual([]);
    expect(run.pass(1)).toEqual(['vlan: eth0.101']);
    run.answer();
    expect(run.pass(-3_600_000)).toContain('vlan: eth0.101');
  });

  it('tries what failed again, after longer each time', () => {
    const run = start();
    run.want([vlan('eth0.101')], 'settled');
    run.answer('failed');
    for (const wait of [1000, 2000, 5000, 15_000, 15_000]) {
      expect(run.pass(wait - 1)).not.toContain('vlan: eth0.101');
      expect(run.pass(1)).toContain('vlan: eth0.101');
      run.answer('failed');
    }
  });

  it('tries a changed link at once, whatever failed before', () => {
    const run = start();
    run.want([vlan('eth0.101')], 'settled');
    run.answer('failed');
    expect(run.want([vlan('eth0.101', 102)], 'settled')).toEqual(['vlan: eth0.101']);
  });

  it('tries again to take away what a driver could not', () => {
    const run = kept(vlan('eth0.101'));
    run.want([], 'settled');
    const [turn] = run.underWay;
    if (turn) run.keeper = endTurn(run.keeper, turn, err({ message: 'no' }), run.now);
    expect(run.pass(1000)).toEqual(['vlan: ']);
  });

  it('says of every link of a driver that fails what it failed of', () => {
    const run = start();
    run.want([vlan('eth0.101')], 'settled');
    for (const turn of run.underWay) run.keeper = endTurn(run.keeper, turn, err({ message: 'no ip' }), run.now);
    expect(run.states()).toEqual([['eth0.101', 'failed', 'no ip']]);
  });

  it('is done once every driver was asked for what is wanted and has answered, whatever it said', () => {
    const run = start();
    run.want([vlan('eth0.101')], 'settled');
    expect(run.pending()).toBe('links of kind interface are being set up');
    run.answer('failed');
    expect(run.pending()).toBeUndefined();
    run.want([], 'guarded');
    expect(run.pending()).toMatch(/BIRD/);
    run.want([], 'unguarded');
    expect(run.pending()).toMatch(/policy/);
  });

  it('is not done while a driver could not take away what it made: policy goes after its links', () => {
    const run = kept(vlan('eth0.101'));
    run.want([], 'settled');
    run.fail('no ip');
    expect(run.pending()).toBe('links of kind vlan cannot be looked after: no ip');
    expect(run.states()).toEqual([['eth0.101', 'failed', 'no ip']]);
    run.pass(1000);
    run.answer();
    expect(run.pending()).toBeUndefined();
    expect(run.states()).toEqual([]);
  });

  it('is not done while one link could not be taken away, and shows it, whoever made it', () => {
    const run = start();
    run.want([], 'settled');
    const left = { ...reportOf(wireguard('wg9'), 'failed'), reason: 'it cannot be taken away: no' };
    for (const turn of run.underWay) {
      run.keeper = endTurn(run.keeper, turn, ok(turn.kind === 'wireguard' ? [left] : []), run.now);
    }
    run.underWay = [];
    expect(run.states()).toEqual([['wg9', 'failed', left.reason]]);
    expect(run.pending()).toBe(`links of kind wireguard cannot be looked after: wg9: ${left.reason}`);
    expect(run.pass(1000)).toEqual(['wireguard: ']);
    run.answer();
    expect(run.states()).toEqual([]);
    expect(run.pending()).toBeUndefined();
  });

  it('keeps an underlay until the tunnel that is moved to another has left it', () => {
    const run = kept(vlan('eth0.101'), vlan('eth0.102', 102), wireguard('wg0', 'eth0.101'));
    const moved = [vlan('eth0.102', 102), wireguard('wg0', 'eth0.102')];
    expect(run.want(moved, 'settled')).toEqual(['wireguard: wg0']);
    expect(run.look()).toEqual([]);
    expect(run.answer()).toEqual(['vlan: eth0.102']);
  });

  it('says that a link is being set up for as long as that lasts, whatever policy is on its way meanwhile', () => {
    const run = start();
    run.want([vlan('eth0.101')], 'settled');
    run.want([vlan('eth0.101')], 'unguarded');
    expect(run.states()).toEqual([['eth0.101', 'down', 'it is being set up']]);
  });

  it('is not driven round by what fails and rings its own bell', () => {
    const run = start();
    run.want([vlan('eth0.101')], 'settled');
    const waits = [500, 1000, 2000, 2000, 2000].map((wait) => {
      run.answer('failed');
      run.keeper = touch(run.keeper, 'vlan');
      expect(run.pass(wait - 1)).toEqual([]);
      return run.pass(1);
    });
    expect(waits).toEqual(waits.map(() => ['vlan: eth0.101']));
  });

  it('names the other end of each link', () => {
    const run = kept(vlan('eth0.101'));
    expect(linkStatuses(run.keeper, run.demand)[0]).toMatchObject({ state: 'up', remotes: ['169.254.1.1'] });
  });
});
