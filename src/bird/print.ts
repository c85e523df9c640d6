/**
 * A BIRD configuration's text.
 *
 *   BirdConfig → [print] → bird.conf
 *
 * Invariant: the same tree gives the same bytes; a symbol that is none, or a file name BIRD cannot read, is a bug of ours
 * and throws, so that it can never end up as other syntax.
 */
import { printAddress } from '../net/address.ts';
import { printPrefix } from '../net/prefix.ts';
import type {
  BgpChannel,
  BgpProtocol,
  BgpTemplate,
  BirdConfig,
  ChannelLimit,
  KernelProtocol,
  StaticProtocol,
} from './config.ts';
import { block, symbol } from './layout.ts';
import { printFilter, printFunction, printSets } from './print-filter.ts';
import { commentText, isInterfacePattern, quotePassword, quoteText } from './quote.ts';
import { printSnippets } from './snippets.ts';

/** What BIRD calls the two families' channels. */
const channelNames = { 4: 'ipv4', 6: 'ipv6' } as const;

export function printBird(config: BirdConfig): string {
  const sections = [
    printGlobal(config),
    ...(config.snippets.length === 0 ? [] : [printSnippets(config.snippets).trimEnd()]),
    ...printSets(config.sets),
    ...config.functions.map(printFunction),
    ...config.filters.map(printFilter),
    block(`protocol device ${symbol(config.device.name)}`, [`scan time ${config.device.scanSeconds};`]),
    ...(config.bfd === undefined ? [] : [block(`protocol bfd ${symbol(config.bfd)}`, [])]),
    printDirect(config.direct),
    ...config.statics.map(printStatic),
    ...config.kernels.map(printKernel),
    ...config.templates.map(printTemplate),
    ...config.sessions.map(printSession),
  ];
  return `${sections.join('\n\n')}\n`;
}

function printGlobal(config: BirdConfig): string {
  const debug = { off: 'off', events: '{ states, interfaces, events }', all: 'all' }[config.debug];
  return [
    '# Written by causeway; changes made here are lost.',
    `log ${config.log.to === 'stderr' ? 'stderr' : quotePath(config.log.path)} all;`,
    `router id ${quad(config.routerId)};`,
    // After a crash: how long kernel routes wait for peers that do not come back, in seconds.
    'graceful restart wait 20;',
    'timeformat base iso long;',
    'timeformat log iso long;',
    'timeformat protocol iso long;',
    'timeformat route iso long;',
    `debug protocols ${debug};`,
  ].join('\n');
}

function printDirect(direct: BirdConfig['direct']): string {
  const left = direct.ignored.filter(isInterfacePattern).map((pattern) => `-"${pattern}"`);
  return block(`protocol direct ${symbol(direct.name)}`, [
    'ipv4;',
    'ipv6;',
    `interface ${[...left, '"*"'].join(', ')};`,
  ]);
}

function printStatic(protocol: StaticProtocol): string {
  const { preference } = protocol;
  return block(`protocol static ${symbol(protocol.name)}`, [
    preference === undefined
      ? `${channelNames[protocol.family]};`
      : channel(protocol.family, [`preference ${preference};`]),
    ...protocol.routes.map(({ prefix, target }) => {
      const where =
        target.kind === 'via' ? target.nextHops.map((hop) => `via ${printAddress(hop)}`).join(' ') : target.kind;
      return `route ${printPrefix(prefix)} ${where};`;
    }),
  ]);
}

function printKernel(protocol: KernelProtocol): string {
  return block(`protocol kernel ${symbol(protocol.name)}`, [
    `kernel table ${protocol.kernelTable};`,
    `metric ${protocol.metric};`,
    `scan time ${protocol.scanSeconds};`,
    'persist;',
    'graceful restart;',
    ...(protocol.mergePaths === undefined ? [] : [`merge paths on limit ${protocol.mergePaths};`]),
    ...(protocol.learn ? ['learn;'] : []),
    channel(protocol.family, [
      `import ${protocol.learn ? 'all' : 'none'};`,
      `export filter ${symbol(protocol.exportFilter)};`,
    ]),
  ]);
}

function printTemplate(template: BgpTemplate): string {
  return block(`template bgp ${symbol(template.name)}`, [
    `connect delay time ${template.connectDelay};`,
    `connect retry time ${template.connectRetry};`,
    `error wait time ${template.errorWait[0]}, ${template.errorWait[1]};`,
  ]);
}

function printSession(session: BgpProtocol): string {
  const { local, neighbor } = session;
  const localAddress = local.address === undefined ? '' : ` ${printAddress(local.address)}`;
  const held = session.heldDown === undefined ? [] : [`# held down: ${commentText(session.heldDown)}`, 'disabled;'];
  return [
    `# ${commentText(session.comment)}`,
    block(`protocol bgp ${symbol(session.name)} from ${symbol(session.template)}`, [
      `description ${quoteText(session.description)};`,
      ...held,
      `local${localAddress} port ${local.port} as ${local.as};`,
      `neighbor ${printAddress(neighbor.address)} port ${neighbor.port} as ${neighbor.as};`,
      ...(session.strictBind ? ['strict bind on;'] : []),
      printReach(session.reach),
      ...(session.ttlSecurity ? ['ttl security on;'] : []),
      ...(session.passive ? ['passive on;'] : []),
      ...printSecret(session.password),
      ...(session.rrClusterId === undefined ? [] : ['rr client;', `rr cluster id ${quad(session.rrClusterId)};`]),
      ...printGracefulRestart(session.gracefulRestart),
      ...(session.hold === undefined ? [] : [`hold time ${session.hold};`]),
      ...(session.keepalive === undefined ? [] : [`keepalive time ${session.keepalive};`]),
      ...(session.allowLocalAs > 0 ? [`allow local as ${session.allowLocalAs};`] : []),
      ...(session.role === undefined ? [] : [`local role ${session.role.local};`]),
      ...(session.role?.isRequired ? ['require roles on;'] : []),
      ...printBfd(session.bfd),
      ...session.channels.map(printChannel),
    ]),
  ].join('\n');
}

function printChannel(bgpChannel: BgpChannel): string {
  const { receiveLimit, importLimit, exportLimit, nextHop } = bgpChannel;
  return channel(bgpChannel.family, [
    `import filter ${symbol(bgpChannel.importFilter)};`,
    `export filter ${symbol(bgpChannel.exportFilter)};`,
    // What a filter refused stays visible, so that "why did it not learn this?" has an answer.
    'import keep filtered on;',
    ...(bgpChannel.keepsReceived ? ['import table on;'] : []),
    ...(nextHop === 'default' ? [] : [`next hop ${nextHop};`]),
    ...(bgpChannel.extendedNextHop ? ['extended next hop on;'] : []),
    ...(bgpChannel.addPaths ? ['add paths on;'] : []),
    ...(receiveLimit ? [printLimit('receive', receiveLimit)] : []),
    ...(importLimit ? [printLimit('import', importLimit)] : []),
    ...(exportLimit ? [printLimit('export', exportLimit)] : []),
  ]);
}

function printLimit(direction: 'receive' | 'import' | 'export', limit: ChannelLimit): string {
  const action = { warn: 'warn', block: 'block', down: 'disable' }[limit.action];
  return `${direction} limit ${limit.prefixes} action ${action};`;
}

function printReach(reach: BgpProtocol['reach']): string {
  if (reach === 'direct') return 'direct;';
  return reach === 'any' ? 'multihop;' : `multihop ${reach.hops};`;
}

function printGracefulRestart(restart: BgpProtocol['gracefulRestart']): string[] {
  if (restart === 'off') return ['graceful restart off;'];
  return ['graceful restart on;', ...(restart === 'default' ? [] : [`graceful restart time ${restart};`])];
}

function printBfd(bfd: BgpProtocol['bfd']): string[] {
  if (!bfd) return [];
  const interval = `interval ${bfd.minInterval} ms`;
  return [`${block('bfd', [`min rx ${interval};`, `min tx ${interval};`, `multiplier ${bfd.multiplier};`])};`];
}

function printSecret(password: string | undefined): string[] {
  if (password === undefined) return [];
  const quoted = quotePassword(password);
  // The compiler holds such a session down and leaves the password out.
  if (!quoted.ok) throw new Error('a password that cannot be quoted reached the printer');
  return [`password ${quoted.value};`];
}

function channel(family: 4 | 6, lines: readonly string[]): string {
  return `${block(channelNames[family], lines)};`;
}

function quad(text: string): string {
  if (!/^[0-9]{1,3}(\.[0-9]{1,3}){3}$/.test(text)) throw new Error(`not a dotted quad: ${JSON.stringify(text)}`);
  return text;
}

function quotePath(path: string): string {
  if (!/^[\x20-\x7e]+$/.test(path) || path.includes('"')) throw new Error('the log path cannot be quoted for BIRD');
  return `"${path}"`;
}
