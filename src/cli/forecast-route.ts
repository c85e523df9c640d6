/**
 * `explain route -f`: what a router would do with a prefix.
 *
 *   -f PATH, options → RoutingIntent, RouteQuestion ─[forecastRoute]→ words, JSON or YAML
 */
import type { Command } from 'commander';
import { findSessions } from '../api/route-explanation.ts';
import { type ForecastRoute, forecastRoute, type RouteForecast } from '../api/route-forecast.ts';
import { parseCommunity } from '../bird/communities.ts';
import type { Community } from '../bird/config.ts';
import type { RoutingIntent, SessionIntent } from '../intent/routing/routing-intent.ts';
import { parseAsn } from '../net/asn.ts';
import type { Prefix } from '../net/prefix.ts';
import { communityNumbers } from '../resources/communities.ts';
import type { Snapshot } from '../resources/snapshot.ts';
import { type Cli, failUsage } from './cli.ts';
import { type ExitCode, exitCode } from './exit-code.ts';
import { type LiveOptions, printAs } from './live.ts';
import type { InputOptions } from './options.ts';
import { loadIntent } from './router-intent.ts';
import { printableLine } from './table.ts';

export interface ForecastOptions extends InputOptions {
  readonly peer?: string;
  readonly from?: string;
  readonly asPath?: string;
  readonly community?: readonly string[];
}

export async function forecastFromFiles(
  command: Command,
  cli: Cli,
  prefix: Prefix,
  options: ForecastOptions & { readonly router: string; readonly output: LiveOptions['output'] },
): Promise<ExitCode> {
  const asPath = options.asPath === undefined ? undefined : parsePath(command, options.asPath);
  const communities = (options.community ?? []).map((text) => parseOneCommunity(command, text));
  const loaded = await loadIntent(command, cli, options);
  if (!loaded) return exitCode.error;
  const { routing } = loaded.intent;
  const carrying = routing.sessions.filter(({ channels }) => channels.some(({ family }) => family === prefix.family));
  const named = (peer: string | undefined): readonly SessionIntent[] =>
    peer === undefined ? carrying : findSessions(routing, peer, prefix.family);
  const [from, to] = [named(options.from), named(options.peer)];
  for (const [peer, found] of [
    [options.from, from],
    [options.peer, to],
  ] as const) {
    if (peer !== undefined && found.length === 0) cli.complain(`error: ${noPeer(routing, peer)}`);
  }
  if ((options.from !== undefined && from.length === 0) || (options.peer !== undefined && to.length === 0)) {
    return exitCode.error;
  }
  const forecast = locateRules(forecastRoute(routing, { prefix, from, to, asPath, communities }), loaded.snapshot);
  cli.print(printAs(options.output, forecast, printForecast));
  return exitCode.ok;
}

function noPeer(routing: RoutingIntent, peer: string): string {
  const names = routing.sessions.map(({ name }) => name);
  return `there is no peer ${peer}; the sessions are ${names.slice(0, 20).join(', ') || 'none'}`;
}

function parsePath(command: Command, text: string): number[] {
  const words = text.split(/[\s,]+/).filter((word) => word !== '');
  return words.map((word) => {
    const as = parseAsn(word);
    if (as === undefined) failUsage(command, `--as-path: ${JSON.stringify(word)} is no AS number: write "64601 65099"`);
    return as;
  });
}

function parseOneCommunity(command: Command, text: string): Community {
  const community = parseCommunity(communityNumbers(text));
  if (!community) {
    failUsage(
      command,
      `--community: ${JSON.stringify(text)} is none: write 65000:1, 65000:1:2 or a name such as no-export`,
    );
  }
  return community;
}

interface Located {
  readonly file: string | null;
  readonly line: number | null;
}
type LocatedForecast = Omit<RouteForecast, 'routes'> & { readonly routes: readonly (ForecastRoute & Located)[] };

/** File and line of the rule of a BGPFilter that refuses the route. */
function locateRules(forecast: RouteForecast, snapshot: Snapshot): LocatedForecast {
  return {
    ...forecast,
    routes: forecast.routes.map((route) => {
      const { filter } = route.learned;
      const resource = filter ? snapshot.find('BGPFilter', filter.name) : undefined;
      const path = filter && filter.rule !== null ? ['spec', filter.list, filter.rule] : [];
      const place = resource && snapshot.locate(resource, path);
      return { ...route, file: place?.file ?? null, line: place?.line ?? null };
    }),
  };
}

function printForecast({ prefix, routes }: LocatedForecast): string {
  const lines = [prefix, ...(routes.length === 0 ? ['  no session carries its family'] : routes.flatMap(printRoute))];
  return `${lines.map(printableLine).join('\n')}\n`;
}

const answers = { yes: 'yes', no: 'NO ', unknown: '?  ' } as const;

function printRoute({ session, asPath, learned, told, file, line }: ForecastRoute & Located): string[] {
  const path = asPath === '' ? '' : `, AS path ${asPath}`;
  const place = file === null ? '' : ` (${file}:${line})`;
  return [
    '',
    session === null ? 'of the router itself:' : `from ${session}${path}:`,
    `  ${answers[learned.outcome]}  learned: ${learned.reason}${place}`,
    ...told.map(({ session: to, outcome, reason }) => `  ${answers[outcome]}  told to ${to}: ${reason}`),
  ];
}
