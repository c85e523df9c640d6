/** `causeway routes`: what BIRD knows, and what the kernel forwards with. */
import type { Command } from 'commander';
import type { RouteView } from '../../api/routes-view.ts';
import type { RibEntry } from '../../bird/daemon.ts';
import { type Cli, onAction } from '../cli.ts';
import { addLiveOptions, type LiveOptions, showFromAgent } from '../live.ts';
import { printTable } from '../table.ts';

const examples = `
Examples:
  causeway routes
  causeway routes --router tr1 -o json`;

export function register(command: Command, cli: Cli): void {
  addLiveOptions(command).addHelpText('after', examples);
  onAction(command, (_: [], options: LiveOptions) => showFromAgent(cli, options, '/v1/routes', printRoutes));
}

function printRoutes(routes: readonly RouteView[]): string {
  return printTable<RouteView>(
    [
      { title: 'PREFIX', cell: (route) => route.prefix },
      { title: 'KERNEL', cell: (route) => (route.kernel ? printHops(route.kernel.nextHops) : '-') },
      { title: 'BY', cell: (route) => route.kernel?.protocol ?? '-' },
      {
        title: 'RIB',
        cell: (route) => route.rib.map((entry) => `${entry.preferred ? '*' : ''}${entry.protocol}`).join(' '),
      },
      { title: 'AS PATH', cell: (route) => best(route)?.attributes['BGP.as_path'] ?? '' },
    ],
    routes,
  );
}

function best(route: RouteView): RibEntry | undefined {
  return route.rib.find((entry) => entry.preferred) ?? route.rib[0];
}

function printHops(hops: NonNullable<RouteView['kernel']>['nextHops']): string {
  return hops.map(({ gateway, device }) => [gateway, device && `dev ${device}`].filter(Boolean).join(' ')).join(', ');
}
