/**
 * Keeps default routes from carrying what is forwarded to confined addresses, by two rules before that of the main table.
 *
 *   Confinement ─▶ 32764: not iif lo lookup main suppress_prefixlength 0      any route of the main table but a default one
 *                  32765: not iif lo lookup 7301                              unreachable, or thrown on where it is not confined
 *
 * The router's own packets (iif lo) meet neither: whoever manages it by a default route goes on doing so.
 * Invariant: table 7301 is ours alone. The routes are there before the rules, and the first rule as long as the second: without it
 * nothing could be reached.
 */
import type { HostError } from '../agent/ports.ts';
import type { PrefixBound } from '../intent/routing/routing-intent.ts';
import { foreignReason, type IpRoute, isForeign, ownProtocol, ownTables } from '../links/ip-route.ts';
import { type Family, families } from '../net/address.ts';
import { parseAddressOrCidr, printPrefix } from '../net/prefix.ts';
import { err, ok, type Result } from '../result.ts';
import { createIpBatch, type IpBatch, type IpRule, isSpoken, unlessThere } from './ip-batch.ts';

const confinedTable = ownTables.confined;

/** The words of `ip rule`, and how it shows them; the first one has to stand before the second. */
const rules = [
  {
    words: `priority 32764 not iif lo lookup main suppress_prefixlength 0 protocol ${ownProtocol}`,
    isIt: ({ priority, table, suppress_prefixlen }: IpRule) =>
      priority === 32764 && table === 'main' && suppress_prefixlen === 0,
  },
  {
    words: `priority 32765 not iif lo lookup ${confinedTable} protocol ${ownProtocol}`,
    isIt: ({ priority, table }: IpRule) => priority === 32765 && table === `${confinedTable}`,
  },
] as const;

/** As the kernel has it: the words of its rules, and the kind of each of its routes by prefix. */
interface Held {
  readonly rules: readonly string[];
  readonly routes: ReadonlyMap<string, string>;
  readonly foreign: IpRoute | undefined;
}

const ofConfinement = new RegExp(`suppress_prefixlength 0|(?:lookup|table) ${confinedTable}\\b`);

/** Whether a line of `ip monitor` tells that a rule or a route of ours is gone. */
export function isConfinementLost(line: string): boolean {
  return line.startsWith('Deleted ') && line.includes(` proto ${ownProtocol}`) && ofConfinement.test(line);
}

/** Says whether anything had to change. `launcher`: what to put before every command; for tests. */
export async function confine(
  { within, except }: PrefixBound,
  launcher: readonly string[] = [],
): Promise<Result<boolean, HostError>> {
  const ip = createIpBatch(launcher);
  const isWanted = within.length > 0;
  let hasChanged = false;
  try {
    for (const family of families.filter(isSpoken)) {
      const routesOf = (kind: string, prefixes: PrefixBound['within']): [string, string][] =>
        prefixes.filter((prefix) => prefix.family === family).map((prefix) => [printPrefix(prefix), kind]);
      const wanted = new Map([...routesOf('unreachable', within), ...routesOf('throw', except)]);
      const held = await read(ip, family);
      if (held.foreign && isWanted)
        throw new Error(foreignReason(confinedTable, family, held.foreign, 'forwarded packets'));
      if (!(await settle(ip, family, wanted, held))) continue;
      hasChanged = true;
      if (await settle(ip, family, wanted, await read(ip, family))) {
        throw new Error(`rules and routes of IPv${family} do not stay as they are written: somebody else changes them`);
      }
    }
    return ok(hasChanged);
  } catch (error) {
    const { message } = error as Error;
    // A kernel that knows no rules has none of ours either.
    return isWanted ? err({ kind: 'failed', subject: 'confinement', message }) : ok(hasChanged);
  }
}

async function read(ip: IpBatch, family: Family): Promise<Held> {
  const [shown = [], inTable = []] = await ip.ask(family, ['rule show', `route show table ${confinedTable}`]);
  const isOurs = (rule: IpRule): boolean => rule.not === null && rule.iif === 'lo';
  const found = (shown as readonly IpRule[]).filter(isOurs);
  const routes = inTable as readonly IpRoute[];
  return {
    rules: rules.filter(({ isIt }) => found.some(isIt)).map(({ words }) => words),
    routes: new Map(routes.filter((route) => !isForeign(route)).map(({ dst, type = '' }) => [prefixText(dst), type])),
    foreign: routes.find(isForeign),
  };
}

/** Whether anything had to change. */
async function settle(ip: IpBatch, family: Family, wanted: ReadonlyMap<string, string>, held: Held): Promise<boolean> {
  const inTable = `table ${confinedTable} protocol ${ownProtocol}`;
  const isWanted = wanted.size > 0;
  const written = [...wanted].filter(([prefix, kind]) => held.routes.get(prefix) !== kind);
  const removed = [...held.routes].filter(([prefix]) => !wanted.has(prefix));
  const added = isWanted ? rules.filter(({ words }) => !held.rules.includes(words)) : [];
  const ended = isWanted ? [] : rules.filter(({ words }) => held.rules.includes(words)).reverse();
  const perform = (commands: readonly string[]): Promise<string> => ip.run([`-${family}`], commands);
  if (ended.length > 0) await perform(ended.map(({ words }) => `rule delete ${words}`));
  if (written.length + removed.length > 0) {
    await perform([
      ...written.map(([prefix, kind]) => `route replace ${kind} ${prefix} ${inTable}`),
      ...removed.map(([prefix, kind]) => `route delete ${kind} ${prefix} ${inTable}`),
    ]);
  }
  for (const { words } of added) await perform([`rule add ${words}`]).catch(unlessThere);
  return written.length + removed.length + added.length + ended.length > 0;
}

/** `ip` leaves out the length of a host's prefix. */
function prefixText(dst: string): string {
  const prefix = parseAddressOrCidr(dst);
  return prefix ? printPrefix(prefix) : dst;
}
