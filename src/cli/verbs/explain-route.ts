/** `causeway explain route`: what became of a prefix on a live router, and why a peer is or is not told. */
import type { Command } from 'commander';
import type { PathStep, RouteExplanation } from '../../api/route-explanation.ts';
import { type Cli, onAction } from '../cli.ts';
import { addLiveOptions, type LiveOptions, showFromAgent } from '../live.ts';

const help = `
A peer is named by its session, its Attachment or BGPPeer, or its address. With --peer the way of the prefix to that peer is
walked, and the first step that stops it is named.

Examples:
  causeway explain route 10.8.0.0/16
  causeway explain route 10.8.0.0/16 --peer spoke-b
  causeway explain route 2001:db8::/32 --router tr1 -o json`;

interface ExplainRouteOptions extends LiveOptions {
  readonly peer?: string;
}

export function registerExplainRoute(parent: Command, cli: Cli): void {
  const route = parent
    .command('route')
    .description('what became of a prefix: learned, refused, best, told to whom, and why');
  addLiveOptions(route)
    .argument('<prefix>', 'the prefix, or an address for its host route')
    .option('--peer <peer>', 'why this peer is, or is not, told')
    .addHelpText('after', help);
  route.showHelpAfterError('(see "causeway explain route --help")');
  onAction<[string], ExplainRouteOptions>(route, ([prefix], options) =>
    showFromAgent(cli, options, '/v1/explain/route', printRouteExplanation, { prefix, peer: options.peer }),
  );
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
  return `${lines.map(printable).join('\n')}\n`;
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

/** An AS path or an error from a peer moves no terminal's cursor. */
function printable(line: string): string {
  return line.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g, ' ');
}
