/**
 * What BIRD says of its sessions and routes.
 *
 *   BirdReply → [read] → SessionStatus[], RibEntry[]
 *
 * Invariant: total. Lines that are not understood are passed over; a field that is missing reads as unknown, never as fine.
 */
import { type BirdReply, replyCodes } from './control.ts';
import type { BfdStatus, ChannelStatus, RibEntry, SessionStatus } from './daemon.ts';
import { sessionOfProtocol } from './names.ts';

const time = String.raw`\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d+)?|\S+`;
const protocolLine = new RegExp(String.raw`^(\S+)\s+(\S+)\s+(\S+)\s+(\S+)\s+(${time})\s*(.*)$`);
const routeLine = new RegExp(
  String.raw`^(\S*)\s+(\S+) \[(\S+) (${time})(?: from (\S+))?\](?: (\*|!))? \((\d+)(?:/\S+)?\)`,
);

const bgpStates = ['Idle', 'Connect', 'Active', 'OpenSent', 'OpenConfirm', 'Established', 'Close', 'Down'] as const;

/** Our BGP sessions in a reply to `show protocols all`, sorted by name; other protocols are left out. */
export function readSessions(reply: BirdReply): SessionStatus[] {
  const sessions: SessionStatus[] = [];
  let header: RegExpExecArray | undefined;
  let details: string[] = [];
  const finish = (): void => {
    const session = header && readSession(header, details);
    if (session) sessions.push(session);
  };
  for (const { code, text } of reply.lines) {
    if (code === replyCodes.protocol) {
      finish();
      header = protocolLine.exec(text) ?? undefined;
      details = [];
    } else if (code === replyCodes.protocolDetails) {
      details.push(text.trim());
    }
  }
  finish();
  return sessions.sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** Lines of a reply to `show bfd sessions`; nothing where BFD is not configured. */
export function readBfd(reply: BirdReply): BfdStatus[] {
  const line = new RegExp(String.raw`^(\S+)\s+(\S+)\s+(\S+)\s+(${time})\s+([0-9.]+)\s+([0-9.]+)`);
  return reply.lines.flatMap(({ code, text }) => {
    const match = code === replyCodes.bfdSession ? line.exec(text.trim()) : null;
    if (!match || !/^[0-9a-f.:]+$/i.test(match[1] ?? '')) return [];
    const [, neighbor = '', link = '', state = '', since = '', interval, timeout] = match;
    return [
      {
        neighbor,
        interface: link === '---' ? null : link,
        state,
        since,
        intervalMs: Math.round(Number(interval) * 1000),
        timeoutMs: Math.round(Number(timeout) * 1000),
      },
    ];
  });
}

/** Routes in a reply to `show route all`, in BIRD's order. */
export function readRoutes(reply: BirdReply): RibEntry[] {
  const routes: RibEntry[] = [];
  let prefix = '';
  let hops: { gateway: string | null; device: string | null }[] = [];
  let attributes: Record<string, string> = {};
  for (const { code, text } of reply.lines) {
    const line = text.trim();
    if (code === replyCodes.route) {
      const match = routeLine.exec(text.startsWith('\t') ? line : text);
      if (!match) {
        const hop = readHop(line);
        if (hop) hops.push(hop);
        continue;
      }
      prefix = match[1] || prefix;
      hops = [];
      attributes = {};
      routes.push(entryOf(prefix, match, hops, attributes));
    } else if (code === replyCodes.routeDetails || code === replyCodes.routeAttributes) {
      const colon = line.indexOf(': ');
      if (colon > 0) attributes[line.slice(0, colon)] = line.slice(colon + 2).trim();
    }
  }
  return routes;
}

/** The count in a reply to `show route … count`; undefined where there is none. */
export function readCount(reply: BirdReply): number | undefined {
  for (const { text } of reply.lines) {
    const count = /^(\d+) of \d+ routes/.exec(text);
    if (count) return Number(count[1]);
  }
  return undefined;
}

function readSession(header: RegExpExecArray, details: readonly string[]): SessionStatus | undefined {
  const [, protocol = '', sort, , , since = ''] = header;
  const name = sessionOfProtocol(protocol);
  if (sort !== 'BGP' || name === undefined) return undefined;
  const firstChannel = details.findIndex((line) => line.startsWith('Channel '));
  const head = firstChannel < 0 ? details : details.slice(0, firstChannel);
  const remoteAs = numberOf(head, 'Neighbor AS');
  return {
    name,
    neighbor: fieldOf(head, 'Neighbor address') ?? '',
    remoteAs: remoteAs ?? 0,
    localAs: numberOf(head, 'Local AS'),
    state: bgpStates.find((state) => state === fieldOf(head, 'BGP state')) ?? 'Down',
    since,
    lastError: fieldOf(details, 'Last error') ?? null,
    ...readOpen(head),
    channels: firstChannel < 0 ? [] : splitChannels(details.slice(firstChannel)).flatMap(readChannel),
  };
}

/** What only an open session has. */
function readOpen(head: readonly string[]): Pick<SessionStatus, 'capabilities' | 'holdSeconds'> {
  const first = head.indexOf('Neighbor capabilities') + 1;
  const rest = first === 0 ? [] : head.slice(first);
  const last = rest.findIndex((line) => line.startsWith('Session:'));
  // What has a colon says more of the capability before it.
  const capabilities = last < 0 ? [] : rest.slice(0, last).filter((line) => !line.includes(':'));
  const hold = /\/(\d+)$/.exec(fieldOf(head, 'Hold timer') ?? '')?.[1];
  return {
    ...(capabilities.length === 0 ? {} : { capabilities }),
    ...(hold === undefined ? {} : { holdSeconds: Number(hold) }),
  };
}

function splitChannels(lines: readonly string[]): string[][] {
  const channels: string[][] = [];
  for (const line of lines) {
    if (line.startsWith('Channel ')) channels.push([line]);
    else channels.at(-1)?.push(line);
  }
  return channels;
}

function readChannel(lines: readonly string[]): ChannelStatus[] {
  const sort = lines[0]?.slice('Channel '.length);
  if (sort !== 'ipv4' && sort !== 'ipv6') return [];
  const routes = fieldOf(lines, 'Routes') ?? '';
  const count = (word: string): number => Number(new RegExp(String.raw`(\d+) ${word}`).exec(routes)?.[1] ?? 0);
  return [
    {
      family: sort === 'ipv4' ? 4 : 6,
      state: fieldOf(lines, 'State') ?? 'DOWN',
      imported: count('imported'),
      filtered: count('filtered'),
      exported: count('exported'),
      preferred: count('preferred'),
      receiveLimit: numberOf(lines, 'Receive limit'),
      importLimit: numberOf(lines, 'Import limit'),
      exportLimit: numberOf(lines, 'Export limit'),
      limitsHit: (['receive', 'import', 'export'] as const).filter((direction) =>
        fieldOf(lines, `${direction[0]?.toUpperCase()}${direction.slice(1)} limit`)?.includes('[HIT]'),
      ),
    },
  ];
}

function entryOf(
  prefix: string,
  match: RegExpExecArray,
  nextHops: RibEntry['nextHops'],
  attributes: RibEntry['attributes'],
): RibEntry {
  const [, , destination = '', protocol = '', since = '', from, mark, preference] = match;
  return {
    prefix,
    destination,
    protocol: sessionOfProtocol(protocol) ?? protocol,
    since,
    from: from ?? null,
    preferred: mark === '*',
    preference: Number(preference),
    nextHops,
    attributes,
  };
}

/** `via 192.168.0.2 on eth0 weight 1` or `dev eth0`. */
function readHop(line: string): { gateway: string | null; device: string | null } | undefined {
  const via = /^via (\S+) on (\S+)/.exec(line);
  if (via) return { gateway: via[1] ?? null, device: via[2] ?? null };
  const device = /^dev (\S+)/.exec(line);
  return device ? { gateway: null, device: device[1] ?? null } : undefined;
}

function fieldOf(lines: readonly string[], name: string): string | undefined {
  const prefix = `${name}:`;
  return lines
    .find((line) => line.startsWith(prefix))
    ?.slice(prefix.length)
    .trim();
}

function numberOf(lines: readonly string[], name: string): number | null {
  const text = fieldOf(lines, name);
  return text === undefined || !/^[0-9]+/.test(text) ? null : Number.parseInt(text, 10);
}
