/** `causeway peers`: each BGP session that is wanted, beside what BIRD says of it. */
import type { Command } from 'commander';
import type { PeerView } from '../../api/peers-view.ts';
import { type Cli, onAction } from '../cli.ts';
import { addLiveOptions, type LiveOptions, showFromAgent } from '../live.ts';
import { printTable } from '../table.ts';

const examples = `
Examples:
  causeway peers
  causeway peers --router tr1 -o json`;

export function register(command: Command, cli: Cli): void {
  addLiveOptions(command).addHelpText('after', examples);
  onAction(command, (_: [], options: LiveOptions) => showFromAgent(cli, options, '/v1/peers', printPeers));
}

function printPeers(peers: readonly PeerView[]): string {
  return printTable<PeerView>(
    [
      { title: 'PEER', cell: (peer) => peer.origin ?? peer.name },
      { title: 'NEIGHBOR', cell: (peer) => peer.neighbor },
      { title: 'AS', cell: (peer) => String(peer.remoteAs) },
      { title: 'STATE', cell: (peer) => peer.state },
      { title: 'SINCE', cell: (peer) => peer.since?.slice(0, 19) ?? '-' },
      { title: 'RECEIVED', cell: (peer) => String(peer.received) },
      { title: 'FILTERED', cell: (peer) => String(peer.filtered) },
      { title: 'EXPORTED', cell: (peer) => String(peer.exported) },
      { title: 'LAST ERROR', cell: (peer) => peer.lastError ?? '-' },
    ],
    peers,
  );
}
