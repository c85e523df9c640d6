/** `causeway routes`: what BIRD knows, what it refused and why, and what the kernel forwards with. */
import type { Command } from 'commander';
import { parseRoutePrefix } from '../../api/route-explanation.ts';
import type { RouteEntry, RouteView } from '../../api/routes-view.ts';
import { type Cli, failUsage, onAction } from '../cli.ts';
import type { ExitCode } from '../exit-code.ts';
import { addLiveOptions, type LiveOptions, showFromAgent } from '../live.ts';
import { printTable } from '../table.ts';

const examples = `
A peer is named by its session, its Attachment, BGPPeer or Router, its Site, or its address. In the table * marks the best
route of a prefix, and ! one that our filters refused, with the reason. "causeway explain route PREFIX" says more of one.

Examples:
  causeway routes
  causeway routes 10.1.0.0/16 --longer
  causeway routes --peer dc --filtered
  causeway routes --exported-to 192.168.1.2
  causeway routes --router tr1 -o json`;

interface RoutesOptions extends LiveOptions {
  readonly longer?: boolean;
  readonly for?: boolean;
  readonly peer?: string;
  readonly filtered?: boolean;
  readonly exportedTo?: string;
}

export function register(command: Command, cli: Cli): void {
  addLiveOptions(command)
    .argument('[prefix]', 'a prefix, or an address')
    .option('--longer', 'all routes inside the prefix, too')
    .option('--for', 'the route that the prefix or address takes')
    .option('--peer <peer>', 'only what this peer told')
    .option('--filtered', 'what import filters refused, with the reason')
    .option('--exported-to <peer>', 'only what this peer is told')
    .addHelpText('after', examples);
  command.showHelpAfterError('(see "causeway routes --help")');
  onAction<[string | undefined], RoutesOptions>(command, ([prefix], options) =>
    showRoutes(command, cli, prefix, options),
  );
}

async function showRoutes(
  command: Command,
  cli: Cli,
  prefix: string | undefined,
  options: RoutesOptions,
): Promise<ExitCode> {
  const { longer, peer, filtered, exportedTo } = options;
  if (prefix === undefined && (longer || options.for))
    failUsage(command, '--longer and --for are about a prefix: name it');
  if (longer && options.for) failUsage(command, '--longer and --for exclude each other');
  if (prefix !== undefined && !parseRoutePrefix(prefix)) {
    failUsage(command, `${JSON.stringify(prefix)} is no prefix: write 10.8.0.0/16 or 2001:db8::/32`);
  }
  return showFromAgent(cli, options, '/v1/routes', printRoutes, {
    prefix,
    match: prefix === undefined ? undefined : longer ? 'longer' : options.for ? 'for' : 'exact',
    peer,
    filtered: filtered ? 'true' : undefined,
    exportedTo,
  });
}

function printRoutes(routes: readonly RouteView[]): string {
  return printTable<RouteView>(
    [
      { title: 'PREFIX', cell: (route) => route.prefix },
      { title: 'KERNEL', cell: (route) => (route.kernel ? printHops(route.kernel.nextHops) : '-') },
      { title: 'BY', cell: (route) => route.kernel?.protocol ?? '-' },
      { title: 'RIB', cell: (route) => route.rib.map(printEntry).join(' ') },
      { title: 'AS PATH', cell: (route) => best(route)?.attributes['BGP.as_path'] ?? '' },
      ...(routes.some(({ rib }) => rib.some(({ refused }) => refused !== null))
        ? [{ title: 'REFUSED', cell: (route: RouteView) => best(route)?.refused ?? '' }]
        : []),
    ],
    routes,
  );
}

function printEntry({ preferred, refused, protocol }: RouteEntry): string {
  return `${refused === null ? (preferred ? '*' : '') : '!'}${protocol}`;
}

function best(route: RouteView): RouteEntry | undefined {
  return route.rib.find((entry) => entry.preferred) ?? route.rib[0];
}

function printHops(hops: NonNullable<RouteView['kernel']>['nextHops']): string {
  return hops.map(({ gateway, device }) => [gateway, device && `dev ${device}`].filter(Boolean).join(' ')).join(', ');
}
