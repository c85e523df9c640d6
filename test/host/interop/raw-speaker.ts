/**
 * The least of a BGP speaker, which says OPEN and KEEPALIVE as it should and then whatever bytes a test wants to see handled.
 *
 *   bytes → a shell's /dev/tcp in the namespace → the hub's BIRD
 *
 * Invariant: nothing here checks what is sent; what the hub answers is kept, message by message.
 */
import { type ChildProcess, spawn } from 'node:child_process';

/** RFC 4271 §4.1; 4096 bytes at most, header included. */
export const longestMessage = 4096;
const headerLength = 19;
const messageTypes = { open: 1, update: 2, notification: 3, keepalive: 4 } as const;

export interface Notification {
  readonly code: number;
  readonly subcode: number;
}

export interface RawSpeaker {
  send(bytes: Buffer): void;
  /** The hub said KEEPALIVE after our OPEN. */
  isUp(): boolean;
  notification(): Notification | undefined;
  isClosed(): boolean;
  close(): Promise<void>;
}

export interface RawSpeakerOptions {
  /** What to put before a command to run it in the namespace. */
  readonly launcher: readonly string[];
  readonly hub: string;
  readonly asNumber: number;
  /** Dotted quad. */
  readonly routerId: string;
}

/** Connects and opens at once; keeps the session alive by answering each KEEPALIVE with one. */
export function openRawSpeaker({ launcher, hub, asNumber, routerId }: RawSpeakerOptions): RawSpeaker {
  // Where the hub resets while we still write, what it said before is read to its end.
  const relay = `exec 3<>/dev/tcp/${hub}/179 || exit 1; cat <&3 & cat >&3 && kill $!; wait`;
  const [program = '', ...args] = [...launcher, 'bash', '-c', relay];
  const child: ChildProcess = spawn(program, args, { stdio: ['pipe', 'pipe', 'ignore'], detached: true });
  let pending = Buffer.alloc(0);
  let isUp = false;
  let notification: Notification | undefined;
  let isClosed = false;
  // The hub may close while we still write.
  child.stdin?.on('error', () => undefined);
  child.stdout?.on('end', () => {
    isClosed = true;
  });
  const exited = new Promise<void>((resolve) => {
    child.once('exit', () => resolve());
    child.once('error', () => resolve());
  });
  const send = (bytes: Buffer): void => void child.stdin?.write(bytes);
  child.stdout?.on('data', (chunk: Buffer) => {
    pending = Buffer.concat([pending, chunk]);
    while (pending.length >= headerLength && pending.length >= pending.readUInt16BE(16)) {
      const body = pending.subarray(headerLength, pending.readUInt16BE(16));
      const type = pending[18];
      pending = pending.subarray(pending.readUInt16BE(16));
      if (type === messageTypes.keepalive) {
        isUp = true;
        send(message('keepalive'));
      }
      if (type === messageTypes.notification) notification = { code: body[0] ?? 0, subcode: body[1] ?? 0 };
    }
  });
  send(open(asNumber, routerId));
  return {
    send,
    isUp: () => isUp,
    notification: () => notification,
    isClosed: () => isClosed,
    async close() {
      // Both halves of the relay, by the group that was made for them.
      if (child.pid !== undefined && child.exitCode === null && child.signalCode === null) process.kill(-child.pid);
      await exited;
    },
  };
}

/** With any length in its header, if not its own. */
export function message(type: keyof typeof messageTypes, body = Buffer.alloc(0), length?: number): Buffer {
  const header = Buffer.alloc(headerLength, 0xff);
  header.writeUInt16BE(length ?? headerLength + body.length, 16);
  header[18] = messageTypes[type];
  return Buffer.concat([header, body]);
}

function open(asNumber: number, routerId: string): Buffer {
  const fourByteAs = Buffer.from([65, 4, ...uint32(asNumber)]);
  const ipv4Unicast = Buffer.from([1, 4, 0, 1, 0, 1]);
  const capabilities = Buffer.concat([fourByteAs, ipv4Unicast]);
  // AS_TRANS (RFC 6793), a hold time of 90 s.
  const fixed = Buffer.from([4, ...uint16(23_456), ...uint16(90), ...routerId.split('.').map(Number)]);
  return message(
    'open',
    Buffer.concat([fixed, Buffer.from([capabilities.length + 2, 2, capabilities.length]), capabilities]),
  );
}

export interface Update {
  readonly withdrawn?: Buffer;
  readonly attributes?: readonly Buffer[];
  readonly nlri?: Buffer;
  /** In the place of the real length of all attributes. */
  readonly attributesLength?: number;
}

export function update({
  withdrawn = Buffer.alloc(0),
  attributes = [],
  nlri = Buffer.alloc(0),
  attributesLength,
}: Update): Buffer {
  const all = Buffer.concat(attributes);
  const lengthOf = (bytes: Buffer): Buffer => Buffer.from(uint16(bytes.length));
  const declared = Buffer.from(uint16(attributesLength ?? all.length));
  return message('update', Buffer.concat([lengthOf(withdrawn), withdrawn, declared, all, nlri]));
}

/** Flags of RFC 4271 §4.3. */
export const wellKnown = 0x40;
export const optionalTransitive = 0xc0;
const extendedLength = 0x10;

/** With any length, if not its own. */
export function attribute(flags: number, type: number, value: Buffer, length = value.length): Buffer {
  const isLong = length > 255;
  const head = isLong ? [flags | extendedLength, type, ...uint16(length)] : [flags, type, length];
  return Buffer.concat([Buffer.from(head), value]);
}

export const origin = attribute(wellKnown, 1, Buffer.from([0]));
export const nextHop = (address: string): Buffer =>
  attribute(wellKnown, 3, Buffer.from(address.split('.').map(Number)));

/** A path of 4-byte AS numbers, in segments of 255 at most. */
export function asPath(...path: readonly number[]): Buffer {
  const segments: Buffer[] = [];
  for (let start = 0; start < path.length; start += 255) {
    const part = path.slice(start, start + 255);
    segments.push(Buffer.from([2, part.length, ...part.flatMap(uint32)]));
  }
  return attribute(wellKnown, 2, Buffer.concat(segments));
}

/** IPv4 prefixes as NLRI; the length is not checked. */
export function ipv4(...prefixes: readonly string[]): Buffer {
  return Buffer.concat(
    prefixes.map((prefix) => {
      const [address = '', length = ''] = prefix.split('/');
      const bytes = address
        .split('.')
        .map(Number)
        .slice(0, Math.ceil(Number(length) / 8));
      return Buffer.from([Number(length), ...bytes]);
    }),
  );
}

function uint16(value: number): number[] {
  return [value >>> 8, value & 0xff];
}

function uint32(value: number): number[] {
  return [value >>> 24, (value >>> 16) & 0xff, (value >>> 8) & 0xff, value & 0xff];
}
