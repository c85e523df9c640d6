/**
 * The route table of tunnels' outer packets, and the rule that sends them there: packets that carry the mark `outer`.
 *
 *   TunnelIntent[], the host's own routes ─[underlay-routes]→ table 7300 ; `ip rule fwmark … lookup 7300`
 *
 * Invariant: table 7300 and the rule are ours alone, or not used. The rule is there before any tunnel and goes after the last one, and while it
 * is there the table ends in `unreachable`: an outer packet never goes by a route that was learned.
 */

import { foreignReason, type IpRoute, isForeign, ownProtocol, ownTables } from '../../links/ip-route.ts';
import type { LinkDriver } from '../../links/link-driver.ts';
import { fitTunnel } from '../../links/underlay-mtu.ts';
import {
  parseRoute,
  printRoute,
  type TunnelIntent,
  type UnderlayRoute,
  underlayRoutes,
} from '../../links/underlay-routes.ts';
import { type Family, families } from '../../net/address.ts';
import { markBits } from '../../nftables/marks.ts';
import { createIpBatch, type IpRule, isSpoken, unlessThere } from '../ip-batch.ts';
import { type LineChild, openLineChild } from '../line-child.ts';
import { oneAtATime } from '../one-at-a-time.ts';
import { createNetDevices } from './netdevices.ts';

export interface Underlay {
  /** The driver, with the way of its tunnels' outer packets looked after, and their size. Give each kind its own. */
  carrying<L extends TunnelIntent>(driver: LinkDriver<L>): LinkDriver<L>;
}

const table = ownTables.outer;
/** Whose routes are the host's own. Asked for one by one, since BIRD's may be a million. */
const ownProtocols = ['kernel', 'boot', 'static', 'dhcp', 'ra'];
const mark = `0x${markBits.outer.toString(16)}`;
/** Where the rule stands: before the main table, after the local one. */
const ruleWords = `priority ${table} fwmark ${mark}/${mark} lookup ${table} protocol ${ownProtocol}`;

/** `launcher`: program and arguments to put before every command, such as `ip netns exec r1`; for tests. */
export function createUnderlay({ launcher = [] }: { readonly launcher?: readonly string[] } = {}): Underlay {
  const devices = createNetDevices({ launcher });
  const ip = createIpBatch(launcher);
  const wanted = new Map<object, readonly TunnelIntent[]>();
  /** Drivers that have not said yet all they carry: a predecessor's tunnels may still be theirs. */
  const silent = new Set<object>();
  /** By their own key: who is told that a device which carries tunnels changed. */
  const watchers = new Map<object, () => void>();
  let monitor: LineChild | undefined;

  /** The host's own routes, those in the table, and whether the rule is there. */
  async function read(family: Family) {
    const asked = [...ownProtocols.map((name) => `route show table main proto ${name}`), `route show table ${table}`];
    const answers = await ip.ask(family, [...asked, 'rule show']);
    const routes = (answer: readonly unknown[] | undefined): readonly UnderlayRoute[] =>
      ((answer ?? []) as readonly IpRoute[])
        .map((route) => parseRoute(route, family))
        .filter((route): route is UnderlayRoute => route !== undefined);
    const hasRule = (answers.at(-1) as readonly IpRule[]).some(
      (rule) => rule.priority === table && rule.table === `${table}` && rule.fwmark === mark && rule.fwmask === mark,
    );
    const inTable = answers.at(-2) as readonly IpRoute[];
    return {
      own: answers.slice(0, -2).flatMap(routes),
      held: routes(inTable),
      hasRule,
      foreign: inTable.find(isForeign),
    };
  }

  async function settle(): Promise<void> {
    const tunnels = [...wanted.values()].flat();
    for (const family of families) {
      if (!isSpoken(family)) continue;
      const { own, held, hasRule, foreign } = await read(family);
      if (foreign && tunnels.length > 0) throw new Error(foreignReason(table, family, foreign, 'outer packets'));
      const wishes = underlayRoutes(tunnels, own).filter((route) => route.family === family);
      const [has, wants] = [held.map(printRoute), wishes.map(printRoute)];
      const added = inOrder(wishes.filter((route) => !has.includes(printRoute(route))));
      const gone = has.filter((route) => !wants.includes(route));
      const removals = gone.map((route) => `route delete ${route} table ${table} protocol ${ownProtocol}`);
      if (tunnels.length > 0) {
        if (silent.size === 0) await attempt(family, removals);
        await attempt(
          family,
          added.map((route) => `route add ${route} table ${table} protocol ${ownProtocol}`),
        );
        if (!hasRule) await ip.run([`-${family}`], [`rule add ${ruleWords}`]).catch(unlessThere);
      } else if (silent.size === 0) {
        if (hasRule) await ip.run([`-${family}`], [`rule delete ${ruleWords}`]);
        await attempt(family, removals);
      }
    }
  }

  /** A route that the kernel does not take now, since its device is down, leaves its prefix unreachable until the next look. */
  async function attempt(family: Family, commands: readonly string[]): Promise<void> {
    if (commands.length === 0) return;
    await ip.run([`-${family}`, '-force'], commands).catch(() => undefined);
  }

  const inTurn = oneAtATime();

  const refresh = bell(() => {
    inTurn(settle).catch(() => undefined);
  });

  /** Hears of routes and rules while there are tunnels and somebody watches: BIRD may write a million lines. */
  function listen(): void {
    const isOfUse = watchers.size > 0 && [...wanted.values()].some((links) => links.length > 0);
    if (isOfUse === (monitor !== undefined)) return;
    monitor?.close();
    refresh.close();
    const [program = '', ...before] = [...launcher, 'ip'];
    const args = [...before, '-o', 'monitor', 'route', 'link', 'rule'];
    monitor = isOfUse ? openLineChild(program, args, hear, refresh.ring) : undefined;
  }

  function hear(line: string): void {
    // What we write ourselves is no news, but for what is taken away: somebody else may have done that.
    const isOurs = line.includes(`table ${table} `) && !line.startsWith('Deleted');
    if (!isOurs && !line.includes(' proto bird')) refresh.ring();
    const name = /^(?:Deleted )?\d+: ([^@:]+)/.exec(line)?.[1];
    if (name !== undefined && carriesTunnels(name)) for (const onChange of watchers.values()) onChange();
  }

  function carriesTunnels(name: string): boolean {
    return [...wanted.values()].flat().some(({ underlay }) => underlay?.interfaceName === name);
  }

  async function fitAll<L extends TunnelIntent>(links: readonly L[]): Promise<readonly L[]> {
    if (links.every(({ underlay }) => underlay === undefined)) return links;
    const read = await devices.read();
    const sizes = new Map(read.ok ? read.value.map(({ name, mtu }) => [name, mtu]) : []);
    return links.map((link) => (link.underlay ? fitTunnel(link, sizes.get(link.underlay.interfaceName)) : link));
  }

  return {
    carrying(driver) {
      const key = {};
      silent.add(key);
      const want = (links: readonly TunnelIntent[], sweeps: boolean): Promise<void> =>
        inTurn(async () => {
          wanted.set(key, links);
          if (sweeps) silent.delete(key);
          listen();
          await settle();
        });
      return {
        async ensure(links, secrets, sweeps = true) {
          // Tunnels that go keep their way until they are gone.
          const leaving = (wanted.get(key) ?? []).filter((old) => !isAmong(old, links));
          if (links.length + leaving.length > 0) await want([...leaving, ...links], sweeps);
          const reports = await driver.ensure(await fitAll(links), secrets, sweeps);
          if (links.length === 0 || leaving.length > 0) await want(links, sweeps);
          return reports;
        },
        watch(onChange) {
          const watching = driver.watch(onChange);
          watchers.set(watching, onChange);
          listen();
          return {
            close() {
              watchers.delete(watching);
              listen();
              watching.close();
            },
          };
        },
        leave: () => driver.leave(),
      };
    },
  };
}

function isAmong(link: TunnelIntent, links: readonly TunnelIntent[]): boolean {
  return links.some(({ interfaceName }) => interfaceName === link.interfaceName);
}

/** What needs no other route comes first: the last resort, then what is on a link, then what is behind a gateway. */
function inOrder(routes: readonly UnderlayRoute[]): readonly string[] {
  const rank = ({ nextHop }: UnderlayRoute): number =>
    nextHop === undefined ? 0 : nextHop.gateway === undefined ? 1 : 2;
  return [...routes].sort((a, b) => rank(a) - rank(b)).map(printRoute);
}

/** Sounds once for all rings of a tenth of a second. */
function bell(sound: () => void): { ring(): void; close(): void } {
  let timer: NodeJS.Timeout | undefined;
  return {
    ring() {
      timer ??= setTimeout(() => {
        timer = undefined;
        sound();
      }, 100);
    },
    close() {
      clearTimeout(timer);
      timer = undefined;
    },
  };
}
