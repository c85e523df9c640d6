/** `causeway peers`: each BGP session that is wanted, beside what BIRD says of it. */
import type { Command } from 'commander';
import type { PeerChannelView, PeerView } from '../../api/peers-view.ts';
import { readFromAgent } from '../../client/agent-client.ts';
import { type Cli, onAction } from '../cli.ts';
import { type ExitCode, exitCode } from '../exit-code.ts';
import { addLiveOptions, complainOfAgent, findAgent, type LiveOptions, printAs } from '../live.ts';
import { printTable } from '../table.ts';

const examples = `
With a peer, named by its session, its Attachment, BGPPeer or Router, its Site, or its address, all that is known of it is told.

Examples:
  causeway peers
  causeway peers tr1-dc
  causeway peers 192.168.0.2 -o yaml
  causeway peers --router tr1 -o json`;

export function register(command: Command, cli: Cli): void {
  addLiveOptions(command).argument('[peer]', 'one peer, in detail').addHelpText('after', examples);
  onAction<[string | undefined], LiveOptions>(command, ([peer], options) => showPeers(cli, options, peer));
}

async function showPeers(cli: Cli, options: LiveOptions, asked: string | undefined): Promise<ExitCode> {
  const socket = await findAgent(cli, options);
  if (!socket.ok) {
    cli.complain(`error: ${socket.error.message}`);
    return socket.error.code;
  }
  const answer = await readFromAgent(socket.value, '/v1/peers');
  if (!answer.ok) return complainOfAgent(cli, answer.error);
  if (asked === undefined) {
    cli.print(printAs(options.output, answer.value, printPeers));
    return exitCode.ok;
  }
  const found = answer.value.filter((peer) => isMeant(peer, asked));
  if (found.length === 0) {
    cli.complain(
      `error: there is no peer ${asked}; the sessions are ${answer.value.map(({ name }) => name).join(', ')}`,
    );
    return exitCode.error;
  }
  cli.print(printAs(options.output, found, (peers) => peers.map(printPeer).join('\n')));
  return exitCode.ok;
}

function isMeant({ name, neighbor, origin, site }: PeerView, asked: string): boolean {
  return [name, neighbor, site, origin, origin?.slice(origin.indexOf('/') + 1)].includes(asked);
}

function printPeers(peers: readonly PeerView[]): string {
  return printTable<PeerView>(
    [
      { title: 'PEER', cell: (peer) => peer.origin ?? peer.name },
      { title: 'NEIGHBOR', cell: (peer) => peer.neighbor },
      { title: 'AS', cell: (peer) => String(peer.remoteAs) },
      { title: 'STATE', cell: (peer) => peer.state },
      { title: 'BFD', cell: (peer) => peer.bfd?.state ?? '-' },
      { title: 'SINCE', cell: (peer) => peer.since?.slice(0, 19) ?? '-' },
      { title: 'RECEIVED', cell: (peer) => String(sum(peer, 'received')) },
      { title: 'FILTERED', cell: (peer) => String(sum(peer, 'filtered')) },
      { title: 'EXPORTED', cell: (peer) => String(sum(peer, 'exported')) },
      { title: 'LAST ERROR', cell: printTrouble },
    ],
    peers,
  );
}

/** Of all families that the session carries. */
function sum({ channels }: PeerView, what: 'received' | 'filtered' | 'exported'): number {
  return channels.reduce((total, channel) => total + channel[what], 0);
}

function printTrouble({ lastError, channels }: PeerView): string {
  const hit = channels.flatMap(({ family, limitsHit }) =>
    limitsHit.map((limit) => `IPv${family} ${limit} limit reached`),
  );
  return [...hit, ...(lastError === null ? [] : [lastError])].join('; ') || '-';
}

function printPeer(peer: PeerView): string {
  const { bfd } = peer;
  const timing = bfd?.intervalMs ? ` (every ${bfd.intervalMs} ms, dead after ${bfd.timeoutMs} ms)` : '';
  const lines: [string, string][] = [
    ['Session', `${peer.name}: ${peer.description}`],
    ['Neighbor', `${peer.neighbor}, AS ${peer.remoteAs}; ours is AS ${peer.localAs}`],
    ['State', `${peer.state}${peer.since === null ? '' : ` since ${peer.since.slice(0, 19)}`}`],
    ['Hold time', peer.holdSeconds === null ? '-' : `${peer.holdSeconds} s`],
    ['BFD', bfd === null ? 'off' : `${bfd.state}${timing}`],
    ...peer.channels.map((channel): [string, string] => [`IPv${channel.family}`, printChannel(channel)]),
    ['Offers', peer.capabilities.join(', ') || '-'],
    ['Last error', printTrouble(peer)],
  ];
  return lines.map(([name, text]) => `${`${name}:`.padEnd(12)} ${text}\n`).join('');
}

function printChannel({ received, accepted, filtered, exported, preferred, limitsHit }: PeerChannelView): string {
  const hit = limitsHit.length === 0 ? '' : `; limit reached: ${limitsHit.join(', ')}`;
  return `${received} received, ${accepted} accepted (${preferred} best), ${filtered} refused, ${exported} told${hit}`;
}
