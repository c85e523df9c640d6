/**
 * One netlink socket of netfilter's, through libc.
 *
 *   bytes ─[request]→ kernel ─▶ Message*            kernel ─[drain]→ datagrams
 *
 * The kernel answers nfnetlink requests, and takes whole transactions, inside send(2): what is read afterwards is there already,
 * so nothing here waits. Sending runs in a thread of Node's pool, since a large transaction takes the kernel some 100 ms.
 * Node cannot poll a netlink socket; who follows notifications drains regularly.
 * Invariant: errors are values with the kernel's errno; a lost notification is told as such.
 */
import { setImmediate as untilNextTurn } from 'node:timers/promises';
import koffi from 'koffi';
import { isDumpInterrupted, type Message, readMessages } from '../netlink/message.ts';
import { err, ok, type Result } from '../result.ts';

const libc = koffi.load('libc.so.6');
const openSocket = libc.func('int socket(int domain, int type, int protocol)');
const bindSocket = libc.func('int bind(int fd, const uint8_t *address, uint32_t length)');
const nameOfSocket = libc.func('int getsockname(int fd, uint8_t *address, uint32_t *length)');
const setOption = libc.func('int setsockopt(int fd, int level, int name, const uint8_t *value, uint32_t length)');
const sendBytes = libc.func('long send(int fd, const uint8_t *buffer, size_t length, int flags)');
const receive = libc.func('long recv(int fd, uint8_t *buffer, size_t length, int flags)');
const closeSocket = libc.func('int close(int fd)');

const AF_NETLINK = 16;
const SOCK_RAW_CLOEXEC = 3 | 0o2000000;
const NETLINK_NETFILTER = 12;
const SOL_SOCKET = 1;
const SOL_NETLINK = 270;
/** An error comes without the request it is about, which may be large. */
const NETLINK_CAP_ACK = 10;
const SO_SNDBUFFORCE = 32;
const SO_RCVBUFFORCE = 33;
const MSG_DONTWAIT = 0x40;
export const errnos = {
  EPERM: 1,
  ENOENT: 2,
  EINTR: 4,
  EBADF: 9,
  EAGAIN: 11,
  EBUSY: 16,
  EEXIST: 17,
  ERESTART: 85,
  ENOTSOCK: 88,
  EMSGSIZE: 90,
  ENOBUFS: 105,
} as const;

/** What the kernel gives of a dump at once is 32 KB, of notifications less. */
const receiveChunkBytes = 256 * 1024;
/** A long dump, and what is made of it, lets others have their turn. */
const longestTurnMs = 10;

export interface NetlinkError {
  /** `lost`: answers did not fit into the socket's buffer, so what the kernel holds must be read. */
  readonly kind: 'refused' | 'not-permitted' | 'lost' | 'malformed';
  readonly errno: number;
  /** Of the request that was refused, where it is known. */
  readonly sequence: number | undefined;
}

/** What came since the last look. `isComplete` is false where the kernel had to throw some of it away. */
export interface Drained {
  readonly messages: readonly Message[];
  readonly isComplete: boolean;
}

export interface NetlinkSocket {
  /** The kernel's address of it, which notifications name as the one who caused them. */
  readonly port: number;
  /**
   * Sends one datagram and gives all that the kernel answers to it, dumps to their end. The first error wins, whatever else
   * came; an interrupted dump is an error of errno EINTR.
   */
  request(datagram: Uint8Array): Promise<Result<readonly Message[], NetlinkError>>;
  /** As `request`, with each message handed on as it comes instead of kept: for dumps of a million entries. */
  requestEach(datagram: Uint8Array, take: (message: Message) => void): Promise<Result<void, NetlinkError>>;
  /** Several requests in one datagram; what each was refused for comes among the answers instead of ending them. */
  requestSeveral(datagram: Uint8Array): Promise<Result<readonly Message[], NetlinkError>>;
  /** Multicast and log messages that are there by now; does not wait. After `most` of them the rest stays for the next look. */
  drain(most?: number): Drained;
  close(): void;
}

export interface NetlinkOptions {
  /** Multicast groups as a mask (bit 0 is group 1). */
  readonly groups?: number;
  readonly receiveBufferBytes?: number;
  readonly sendBufferBytes?: number;
}

/** Undefined where the socket cannot be had: no right to, or no netfilter. */
export function openNetlinkSocket(options: NetlinkOptions = {}): NetlinkSocket | undefined {
  const fd: number = openSocket(AF_NETLINK, SOCK_RAW_CLOEXEC, NETLINK_NETFILTER);
  if (fd < 0) return undefined;
  const address = Buffer.alloc(12);
  address.writeUInt16LE(AF_NETLINK, 0);
  address.writeUInt32LE(options.groups ?? 0, 8);
  if (bindSocket(fd, address, address.length) < 0) {
    closeSocket(fd);
    return undefined;
  }
  // Without the right to force them the defaults stay, and what does not fit is told as an error.
  setNumber(fd, SOL_SOCKET, SO_RCVBUFFORCE, options.receiveBufferBytes ?? 16 * 1024 * 1024);
  setNumber(fd, SOL_SOCKET, SO_SNDBUFFORCE, options.sendBufferBytes ?? 256 * 1024 * 1024);
  setNumber(fd, SOL_NETLINK, NETLINK_CAP_ACK, 1);
  const chunk = Buffer.allocUnsafe(receiveChunkBytes);
  let isOpen = true;
  return {
    port: portOf(fd),
    async request(datagram) {
      const sent = await sendAll(fd, datagram);
      if (sent !== 0) return err({ kind: kindOf(sent), errno: sent, sequence: undefined });
      const messages: Message[] = [];
      const read = await readAnswer(fd, chunk, (message) => messages.push(message));
      return read.ok ? ok(messages) : read;
    },
    async requestEach(datagram, take) {
      const sent = await sendAll(fd, datagram);
      if (sent !== 0) return err({ kind: kindOf(sent), errno: sent, sequence: undefined });
      return readAnswer(fd, chunk, take);
    },
    async requestSeveral(datagram) {
      const sent = await sendAll(fd, datagram);
      if (sent !== 0) return err({ kind: kindOf(sent), errno: sent, sequence: undefined });
      const messages: Message[] = [];
      const read = await readAnswer(fd, chunk, (message) => messages.push(message), 'tell');
      return read.ok ? ok(messages) : read;
    },
    drain(most = Number.POSITIVE_INFINITY) {
      const messages: Message[] = [];
      let isComplete = true;
      for (;;) {
        if (messages.length >= most) return { messages, isComplete };
        const length = Number(receive(fd, chunk, chunk.length, MSG_DONTWAIT));
        if (length <= 0) {
          const errno = length < 0 ? koffi.errno() : errnos.EAGAIN;
          if (errno === errnos.ENOBUFS) {
            isComplete = false;
            continue;
          }
          return { messages, isComplete: isComplete && errno === errnos.EAGAIN };
        }
        const read = readMessages(Buffer.from(chunk.subarray(0, length)));
        if (read) messages.push(...read);
        else isComplete = false;
      }
    },
    close() {
      // In a thread: nf_tables waits, in close(2), until what earlier transactions took away is freed.
      if (isOpen) closeSocket.async(fd, () => undefined);
      isOpen = false;
    },
  };
}

function setNumber(fd: number, level: number, option: number, value: number): void {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32LE(value);
  setOption(fd, level, option, bytes, bytes.length);
}

function portOf(fd: number): number {
  const address = Buffer.alloc(12);
  const length = Buffer.alloc(4);
  length.writeUInt32LE(address.length);
  return nameOfSocket(fd, address, length) < 0 ? 0 : address.readUInt32LE(4);
}

/** The errno, 0 for none. */
function sendAll(fd: number, datagram: Uint8Array): Promise<number> {
  return new Promise((resolve, reject) => {
    sendBytes.async(fd, datagram, datagram.length, 0, (error: Error | null, sent: number | bigint) => {
      if (error) reject(error);
      else resolve(Number(sent) === datagram.length ? 0 : sendAgain(fd, datagram));
    });
  });
}

/**
 * Says why a datagram could not be sent: the other thread's errno stays there, so it is tried again in this one. The kernel has
 * seen nothing of it: what it takes it takes whole, and answers by messages.
 */
function sendAgain(fd: number, datagram: Uint8Array): number {
  return Number(sendBytes(fd, datagram, datagram.length, 0)) === datagram.length ? 0 : koffi.errno() || errnos.ENOBUFS;
}

async function readAnswer(
  fd: number,
  chunk: Buffer,
  take: (message: Message) => void,
  refusals: 'end' | 'tell' = 'end',
): Promise<Result<void, NetlinkError>> {
  let failure: NetlinkError | undefined;
  let turnAt = performance.now();
  for (;;) {
    if (performance.now() - turnAt > longestTurnMs) {
      await untilNextTurn();
      turnAt = performance.now();
    }
    const length = Number(receive(fd, chunk, chunk.length, MSG_DONTWAIT));
    if (length <= 0) {
      const errno = length < 0 ? koffi.errno() : errnos.EAGAIN;
      if (errno === errnos.EAGAIN) return failure ? err(failure) : ok(undefined);
      failure ??= { kind: 'lost', errno, sequence: undefined };
      if (errno === errnos.EBADF || errno === errnos.ENOTSOCK) return err(failure); // closed meanwhile: nothing comes any more
      continue;
    }
    const read = readMessages(Buffer.from(chunk.subarray(0, length)));
    if (!read) failure ??= { kind: 'malformed', errno: 0, sequence: undefined };
    for (const message of read ?? []) {
      if (message.kind === 'done' && message.errno !== 0) {
        failure ??= { kind: kindOf(message.errno), errno: message.errno, sequence: message.sequence };
      } else if (message.kind === 'error' && message.errno !== 0 && refusals === 'end') {
        failure ??= { kind: kindOf(message.errno), errno: message.errno, sequence: message.sequence };
      } else if (isDumpInterrupted(message)) {
        failure ??= {
          kind: 'lost',
          errno: errnos.EINTR,
          sequence: message.kind === 'data' ? message.sequence : undefined,
        };
      } else if (!failure) {
        take(message);
      }
    }
  }
}

/** Of what the kernel answers, or send(2) says. */
function kindOf(errno: number): NetlinkError['kind'] {
  return errno === errnos.EPERM ? 'not-permitted' : 'refused';
}
