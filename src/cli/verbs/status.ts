/** `causeway status`: what the router's agent sees, and whether it is what is wanted. */
import type { Command } from 'commander';
import type { ApiBodies } from '../../api/agent-api.ts';
import { type Cli, onAction } from '../cli.ts';
import { countOf } from '../count.ts';
import { addLiveOptions, type LiveOptions, showFromAgent } from '../live.ts';
import { printTable } from '../table.ts';

const examples = `
Examples:
  causeway status                        the one router that runs here
  causeway status --router tr1 -o json`;

type RouterStatus = ApiBodies['/v1/status'];
type Link = RouterStatus['links'][number];
type Sync = NonNullable<RouterStatus['stateSync']>;

export function register(command: Command, cli: Cli): void {
  addLiveOptions(command).addHelpText('after', examples);
  onAction(command, (_: [], options: LiveOptions) => showFromAgent(cli, options, '/v1/status', printStatus));
}

function printStatus(status: RouterStatus): string {
  const { policy, routing, store, repairs, lastError } = status;
  const up = routing.sessions.filter((session) => session.state === 'Established').length;
  const lines: [string, string][] = [
    [
      'Router',
      `${status.router} (agent ${status.agent.version}, pid ${status.agent.pid}, since ${status.agent.startedAt})`,
    ],
    ['Store', `${store.connected ? 'connected' : 'UNREACHABLE'}, revision ${store.revision}`],
    ['Policy', printPolicy(policy)],
    ['Forwarding', `${routing.forwarding ? 'on' : 'off'}, ${printDefault(policy.forwardDefault)}`],
    ...(routing.confined > 0
      ? [['Confined', `${countOf(routing.confined, 'prefix', 'prefixes')} go by no default route`] as [string, string]]
      : []),
    ['BIRD', `${routing.bird}, configured at revision ${routing.revision ?? 'of a predecessor'}`],
    ['Sessions', `${up} of ${routing.sessions.length} established`],
    ...(status.links.length > 0 ? [['Links', countLinks(status.links)] as [string, string]] : []),
    ...(status.drain.isOn || !status.drain.isInForce
      ? [['Drained', printDrain(status.drain)] as [string, string]]
      : []),
    ...(status.stateSync ? [['State sync', printSync(status.stateSync)] as [string, string]] : []),
    [
      'Repairs',
      repairs.last
        ? `${repairs.count}, last ${repairs.last.at}: ${repairs.last.subject}: ${repairs.last.message}`
        : '0',
    ],
    ['Last error', lastError ? `${lastError.at} ${lastError.subject}: ${lastError.message}` : 'none'],
    ...status.invalid.map((what): [string, string] => ['Invalid', what]),
    ...status.warnings.map((what): [string, string] => ['Warning', what]),
  ];
  const text = lines.map(([name, what]) => `${`${name}:`.padEnd(12)} ${what}\n`).join('');
  return status.links.length === 0 ? text : `${text}\n${printLinks(status.links)}`;
}

function countLinks(links: readonly Link[]): string {
  const failed = links.filter(({ state }) => state === 'failed').length;
  const up = links.filter(({ state }) => state === 'up').length;
  return `${up} of ${links.length} up${failed === 0 ? '' : `, ${failed} FAILED`}`;
}

function printLinks(links: readonly Link[]): string {
  return printTable<Link>(
    [
      { title: 'INTERFACE', cell: (link) => link.interfaceName },
      { title: 'ATTACHMENT', cell: (link) => link.attachment },
      { title: 'KIND', cell: (link) => link.kind },
      { title: 'DRIVER', cell: (link) => link.driver ?? '-' },
      { title: 'STATE', cell: (link) => (link.state === 'failed' ? 'FAILED' : link.state) },
      { title: 'MTU', cell: (link) => `${link.mtu ?? '-'}` },
      { title: 'ABOUT', cell: printAbout },
    ],
    links,
  );
}

/** Why it is not up, else what the other end needs to know or who it is. */
function printAbout({ reason, ipsec, wireguard }: Link): string {
  if (wireguard) {
    const key = wireguard.publicKey === null ? '' : `public key ${wireguard.publicKey}`;
    return [reason ?? `peer ${wireguard.endpoint ?? 'not heard yet'}`, key].filter((text) => text !== '').join('; ');
  }
  if (reason !== null) return reason;
  return ipsec ? `peer ${ipsec.remote ?? '-'}, ${ipsec.espProposal ?? 'no security association'}` : '';
}

function printSync({ interface: link, peers, isRunning, isShared, restarts, traffic }: Sync): string {
  const others = peers.map(({ router, address }) => `${router} (${address})`).join(', ');
  const lost = traffic?.lostPackets ? `, ${countOf(traffic.lostPackets, 'message')} asked for again` : '';
  const again = restarts === 0 ? '' : `, restarted ${countOf(restarts, 'time')}`;
  const state = isShared ? 'shared' : isRunning ? 'NOT shared' : 'NOT running';
  return `${state} with ${others} over ${link}${lost}${again}`;
}

function printDrain({ isOn, since, reason, isInForce }: RouterStatus['drain']): string {
  const pending = isInForce ? '' : '; BIRD was not given that yet';
  if (!isOn) return `no${pending}`;
  return `since ${since}${reason ? ` (${reason})` : ''}${pending}`;
}

function printPolicy(policy: RouterStatus['policy']): string {
  const state = policy.inSync ? 'in the kernel' : 'NOT as wanted';
  const holds = `${countOf(policy.endpoints, 'endpoint')}, ${countOf(policy.policies, 'policy', 'policies')}`;
  return `${state}, revision ${policy.revision ?? 'none'}; ${holds}`;
}

function printDefault(forwardDefault: RouterStatus['policy']['forwardDefault']): string {
  switch (forwardDefault) {
    case 'Deny':
      return 'closed where no policy allows (defaultAction Deny)';
    case 'Allow':
      return 'OPEN where no policy speaks (defaultAction Allow)';
    case null:
      return 'no policy yet';
  }
}
