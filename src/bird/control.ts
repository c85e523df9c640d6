/**
 * The language of BIRD's control socket.
 *
 *   BirdCommand → [printCommand] → socket → bytes → [ReplyReader] → BirdReply
 *
 * A reply is a run of lines `NNNN-text`, each perhaps continued by lines that begin with a space, up to a line `NNNN text`.
 * Lines that begin with `+` are log output and belong to no reply. What happened is told by the codes alone; the texts
 * change between versions of BIRD.
 */
import type { Family } from '../net/address.ts';
import { type Prefix, printPrefix } from '../net/prefix.ts';
import { sessionProtocolName } from './names.ts';

/** Codes of replies (BIRD's doc/reply_codes). */
export const replyCodes = {
  ok: 0,
  ready: 1,
  reconfigured: 3,
  reconfiguring: 4,
  reconfigurationQueued: 5,
  shuttingDownIgnored: 6,
  shuttingDown: 7,
  statusReport: 13,
  confirmed: 18,
  nothingToDo: 19,
  configurationOk: 20,
  undoRequested: 21,
  protocol: 1002,
  protocolDetails: 1006,
  route: 1007,
  routeDetails: 1008,
  routeAttributes: 1012,
  bfdSession: 1020,
  noRoute: 8001,
  configurationFileError: 8002,
  noSuchProtocol: 8003,
  protocolIsDown: 8004,
  accessDenied: 8007,
  runtimeError: 8008,
} as const;

export type BirdCommand =
  | { readonly kind: 'show-status' }
  | { readonly kind: 'show-protocols' }
  /** `filtered`: what import filters refused, in the place of what they accepted. */
  | {
      readonly kind: 'show-routes';
      readonly session?: string;
      readonly exportedTo?: string;
      readonly prefix?: Prefix;
      /** The prefix itself, all inside it too, or the one that an address in it would take. */
      readonly match?: 'exact' | 'longer' | 'for';
      readonly filtered?: boolean;
    }
  | { readonly kind: 'count-exported'; readonly session: string; readonly family: Family }
  | { readonly kind: 'show-bfd' }
  /** Lets a session run again that a limit has ended. */
  | { readonly kind: 'enable'; readonly session: string }
  /** Routes that a protocol of ours, such as the kernel one, is given; without their attributes. */
  | { readonly kind: 'show-export'; readonly protocol: string }
  /** How many routes inside stand for an aggregate: longer than it, passed on between Sites, not learned from `except`. */
  | { readonly kind: 'count-members'; readonly aggregate: Prefix; readonly except: string | undefined }
  | { readonly kind: 'configure-check'; readonly path: string }
  | { readonly kind: 'configure'; readonly path: string; readonly undoAfterSeconds: number }
  | { readonly kind: 'confirm' }
  | { readonly kind: 'undo' }
  /** Gives all routes to the protocol again. */
  | { readonly kind: 'reload-out'; readonly protocol: string }
  /** Has a session take all routes again, or give them. */
  | { readonly kind: 'reload-session'; readonly session: string; readonly direction: 'in' | 'out' }
  | { readonly kind: 'down' };

export interface ReplyLine {
  readonly code: number;
  /** Without the code; of a continuation, without the leading space. */
  readonly text: string;
}

export interface BirdReply {
  /** The code of the last line, which tells how the command went. */
  readonly code: number;
  readonly message: string;
  /** All lines, the last one included. */
  readonly lines: readonly ReplyLine[];
}

/** One line for the socket, with its line break. Throws on a path that BIRD cannot read: paths are never a user's. */
export function printCommand(command: BirdCommand): string {
  return `${commandText(command)}\n`;
}

function commandText(command: BirdCommand): string {
  switch (command.kind) {
    case 'show-status':
      return 'show status';
    case 'show-protocols':
      return 'show protocols all';
    case 'show-routes': {
      const which =
        command.prefix === undefined ? '' : ` ${matchWords[command.match ?? 'exact']}${printPrefix(command.prefix)}`;
      const filtered = command.filtered ? ' filtered' : '';
      const of = command.session === undefined ? '' : ` protocol ${sessionProtocolName(command.session)}`;
      const to = command.exportedTo === undefined ? '' : ` exported ${sessionProtocolName(command.exportedTo)}`;
      return `show route${which} all${filtered}${of}${to}`;
    }
    case 'count-exported':
      return `show route table master${command.family} exported ${sessionProtocolName(command.session)} count`;
    case 'enable':
      return `enable ${sessionProtocolName(command.session)}`;
    case 'show-bfd':
      return 'show bfd sessions';
    case 'show-export':
      return `show route export ${bareWord(command.protocol)}`;
    case 'count-members': {
      const { aggregate, except } = command;
      const others = except === undefined ? '' : ` && proto != "${sessionProtocolName(except)}"`;
      const isPassedOn =
        '(source = RTS_BGP || source = RTS_STATIC) && dest != RTD_BLACKHOLE && dest != RTD_UNREACHABLE';
      return `show route in ${printPrefix(aggregate)} where net.len > ${aggregate.length} && ${isPassedOn}${others} count`;
    }
    case 'configure-check':
      return `configure check ${quotePath(command.path)}`;
    case 'configure':
      return `configure ${quotePath(command.path)} timeout ${Math.trunc(command.undoAfterSeconds)}`;
    case 'confirm':
      return 'configure confirm';
    case 'undo':
      return 'configure undo';
    case 'reload-out':
      return `reload out ${bareWord(command.protocol)}`;
    case 'reload-session':
      return `reload ${command.direction} ${sessionProtocolName(command.session)}`;
    case 'down':
      return 'down';
  }
}

const matchWords = { exact: '', longer: 'in ', for: 'for ' } as const;

/** Whether the reply says that the command was done: codes below 1000 that are no "ignored". */
export function isSuccess(reply: BirdReply): boolean {
  return reply.code < 1000 && reply.code !== replyCodes.shuttingDownIgnored;
}

export interface ReplyReader {
  /** Takes what came from the socket and gives the replies it completes; garbage is skipped, never thrown at. */
  push(chunk: string): BirdReply[];
}

export function createReplyReader(): ReplyReader {
  let partial = '';
  let lines: ReplyLine[] = [];

  function take(text: string): BirdReply | undefined {
    const match = /^([0-9]{4})([ -])(.*)$/.exec(text);
    if (!match) {
      const last = lines.at(-1);
      if (text.startsWith(' ') && last) lines.push({ code: last.code, text: text.slice(1) });
      return undefined;
    }
    const line = { code: Number(match[1]), text: match[3] ?? '' };
    lines.push(line);
    if (match[2] === '-') return undefined;
    const reply = { code: line.code, message: line.text, lines };
    lines = [];
    return reply;
  }

  return {
    push(chunk) {
      const whole = (partial + chunk).split('\n');
      partial = whole.pop() ?? '';
      return whole.flatMap((text) => take(text.replace(/\r$/, '')) ?? []);
    },
  };
}

function quotePath(path: string): string {
  if (!/^[\x20-\x7e]+$/.test(path) || path.includes('"')) throw new Error('a path that BIRD cannot read');
  return `"${path}"`;
}

function bareWord(name: string): string {
  if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) throw new Error('not a protocol name');
  return name;
}
