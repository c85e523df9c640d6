/** `causeway explain route`: what became of a prefix on a live router, or would from files, and why a peer is or is not told. */
import type { Command } from 'commander';
import type { PathStep, RouteExplanation } from '../../api/route-explanation.ts';
import { parseRoutePrefix } from '../../api/route-explanation.ts';
import { type Cli, failUsage, onAction } from '../cli.ts';
import type { ExitCode } from '../exit-code.ts';
import { type ForecastOptions, forecastFromFiles } from '../forecast-route.ts';
import { addLiveOptions, type LiveOptions, showFromAgent } from '../live.ts';
import { addInputOptions } from '../options.ts';
import { printableLine } from '../table.ts';

const help = `
A peer is named by its session, its Attachment, BGPPeer or Router, its Site, or its address. With --peer the way of the prefix to
that peer is walked, and the first step that stops it is named.

With -f the answer comes from files alone: which peers' import filters would accept the prefix, and to whom each such route
would be told. Sessions count as up, limits as not reached, aggregates as absent. --from says which peer announces it (each by
itself unless said), --as-path and --community how; the path is the peer's AS alone unless said.

Examples:
  causeway explain route 10.8.0.0/16
  causeway explain route 10.8.0.0/16 --peer spoke-b
  causeway explain route 2001:db8::/32 --router tr1 -o json
  causeway explain route 10.8.0.0/16 -f network/ --router tr1 --from spoke-a --as-path "64601 65099"
  causeway explain route 10.8.0.0/16 -f network/ --router tr1 --peer dc --community no-export`;

interface ExplainRouteOptions extends LiveOptions, ForecastOptions {
  readonly router?: string;
}

export function registerExplainRoute(parent: Command, cli: Cli): void {
  const route = parent
    .command('route')
    .description('what became of a prefix: learned, refused, best, told to whom, and why');
  addInputOptions(addLiveOptions(route))
    .argument('<prefix>', 'the prefix, or an address for its host route')
    .option('--peer <peer>', 'why this peer is, or is not, told')
    .option('--from <peer>', 'with -f: the peer that announces it')
    .option('--as-path <path>', 'with -f: the AS path as that peer sends it, "64601 65099"')
    .option('--community <community...>', 'with -f: communities it carries: 65000:1, 65000:1:2, or by name')
    .addHelpText('after', help);
  route.showHelpAfterError('(see "causeway explain route --help")');
  onAction<[string], ExplainRouteOptions>(route, ([prefix], options) => explainRoute(route, cli, prefix, options));
}

async function explainRoute(command: Command, cli: Cli, text: string, options: ExplainRouteOptions): Promise<ExitCode> {
  const prefix = parseRoutePrefix(text);
  if (!prefix) failUsage(command, `${JSON.stringify(text)} is no prefix: write 10.8.0.0/16 or 2001:db8::/32`);
  const { filename, router, peer } = options;
  if (filename === undefined) {
    for (const name of ['from', 'asPath', 'community'] as const) {
      if (options[name] !== undefined)
        failUsage(command, '--from, --as-path and --community are for files: add -f PATH');
    }
    return showFromAgent(cli, options, '/v1/explain/route', printRouteExplanation, { prefix: text, peer });
  }
  if (router === undefined) failUsage(command, 'say which router: --router NAME');
  return forecastFromFiles(command, cli, prefix, { ...options, router });
}

export function printRouteExplanation({
  prefix,
  accepted,
  refused,
  exportedTo,
  kernel,
  peer,
}: RouteExplanation): string {
  const lines = [
    prefix,
    ...(accepted.length === 0 ? ['  learned    from nobody'] : []),
    ...accepted.map(({ session, from, isBest, why, asPath }) => {
      const path = asPath === '' ? '' : `, AS path ${asPath}`;
      return `  ${isBest ? 'best      ' : 'also      '} ${session}${from ? ` (${from})` : ''}${path}: ${why}`;
    }),
    ...refused.map(({ session, from, reason }) => `  refused    ${session}${from ? ` (${from})` : ''}: ${reason}`),
    `  kernel     ${printKernel(kernel)}`,
    ...(peer ? [] : [`  told to    ${exportedTo.join(', ') || 'nobody'}`]),
    ...(peer ? ['', `to ${peer.session}:`, ...peer.steps.map(printStep), printStop(peer.isTold, peer.steps)] : []),
  ];
  return `${lines.map(printableLine).join('\n')}\n`;
}

function printKernel({ isInstalled, nextHops, reason, protocol }: RouteExplanation['kernel']): string {
  const hops = nextHops.map(({ gateway, device }) => [gateway, device && `dev ${device}`].filter(Boolean).join(' '));
  if (isInstalled) return `${hops.join(', ') || 'no next hop'}: ${reason}`;
  return `${protocol === null ? 'not there' : `not ours (${hops.join(', ')})`}: ${reason}`;
}

function printStep({ passes, sentence }: PathStep): string {
  return `  ${passes ? 'yes ' : 'NO  '} ${sentence}`;
}

function printStop(isTold: boolean, steps: readonly PathStep[]): string {
  if (isTold) return '  told';
  const stop = steps.find(({ passes }) => !passes);
  return `  not told${stop ? `: ${stop.sentence}` : ''}`;
}
