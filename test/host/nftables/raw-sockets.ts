/**
 * Sockets in the network namespaces of others, for packets as bytes.
 *
 *   test ─[send]→ namespace …  namespace ─[receive]→ test
 *
 * Invariant: this thread is in another namespace only while a socket is made there, which waits for nothing.
 */
import { closeSync, openSync } from 'node:fs';
import koffi from 'koffi';

const libc = koffi.load('libc.so.6');
const setns = libc.func('int setns(int fd, int type)');
const openSocket = libc.func('int socket(int domain, int type, int protocol)');
const bindSocket = libc.func('int bind(int fd, const uint8_t *address, uint32_t length)');
const setOption = libc.func('int setsockopt(int fd, int level, int name, const uint8_t *value, uint32_t length)');
const sendTo = libc.func(
  'long sendto(int fd, const uint8_t *data, size_t length, int flags, const uint8_t *address, uint32_t size)',
);
const receiveFrom = libc.func('long recv(int fd, uint8_t *buffer, size_t length, int flags)');
const indexOfName = libc.func('uint32_t if_nametoindex(const char *name)');

const AF_INET = 2;
const AF_INET6 = 10;
const AF_PACKET = 17;
const SOCK_RAW = 3;
const IPPROTO_RAW = 255;
const CLONE_NEWNET = 0x40000000;
const ETH_P_ALL_BE = 0x0300;
const SOL_PACKET = 263;
const PACKET_IGNORE_OUTGOING = 23;
const SOL_SOCKET = 1;
const SO_RCVBUFFORCE = 33;
const MSG_DONTWAIT = 0x40;

export interface FrameSocket {
  send(frame: Buffer): void;
  /** Frames that came in since the last call; never those that were sent. */
  receive(): Buffer[];
  close(): void;
}

/** All that passes an interface of the namespace of a process. */
export function openFrames(pid: number, interfaceName: string): FrameSocket {
  const fd = inNamespaceOf(pid, () => {
    const socket = checked('socket', openSocket(AF_PACKET, SOCK_RAW, ETH_P_ALL_BE));
    const address = Buffer.alloc(20);
    address.writeUInt16LE(AF_PACKET, 0);
    address.writeUInt16LE(ETH_P_ALL_BE, 2);
    address.writeUInt32LE(indexOfName(interfaceName), 4);
    checked('bind', bindSocket(socket, address, address.length));
    setFlag(socket, SOL_PACKET, PACKET_IGNORE_OUTGOING, 1);
    setFlag(socket, SOL_SOCKET, SO_RCVBUFFORCE, 4_000_000);
    return socket;
  });
  return {
    send: (frame) => void checked('sendto', sendTo(fd, frame, frame.length, 0, null, 0)),
    receive: () => drain(fd),
    close: () => closeSync(fd),
  };
}

export interface HostSockets {
  /** As a program of the machine would send it, header and all; what policy forbids is an error nobody hears. */
  send(packet: Buffer): void;
  /** What was delivered to the machine itself: IPv4 packets with, IPv6 packets without their header. */
  receive(): Buffer[];
  close(): void;
}

/** The machine whose namespace it is, for the given IP protocols. */
export function openHost(pid: number, protocols: readonly number[]): HostSockets {
  const { senders, receivers } = inNamespaceOf(pid, () => ({
    senders: [AF_INET, AF_INET6].map((family) => checked('socket', openSocket(family, SOCK_RAW, IPPROTO_RAW))),
    receivers: [AF_INET, AF_INET6].flatMap((family) =>
      protocols.map((protocol) => checked('socket', openSocket(family, SOCK_RAW, protocol))),
    ),
  }));
  return {
    send(packet) {
      const isIpv4 = (packet[0] ?? 0) >> 4 === 4;
      const address = Buffer.alloc(isIpv4 ? 16 : 28);
      address.writeUInt16LE(isIpv4 ? AF_INET : AF_INET6, 0);
      packet.copy(address, isIpv4 ? 4 : 8, isIpv4 ? 16 : 24, isIpv4 ? 20 : 40);
      sendTo(senders[isIpv4 ? 0 : 1] ?? -1, packet, packet.length, 0, address, address.length);
    },
    receive: () => receivers.flatMap(drain),
    close: () => [...senders, ...receivers].forEach((fd) => void closeSync(fd)),
  };
}

export function inNamespaceOf<T>(pid: number, make: () => T): T {
  const home = openSync('/proc/thread-self/ns/net', 'r');
  const there = openSync(`/proc/${pid}/ns/net`, 'r');
  try {
    checked('setns', setns(there, CLONE_NEWNET));
    return make();
  } finally {
    checked('setns', setns(home, CLONE_NEWNET));
    closeSync(there);
    closeSync(home);
  }
}

function drain(fd: number): Buffer[] {
  const packets: Buffer[] = [];
  const buffer = Buffer.alloc(65_536);
  for (;;) {
    const length = Number(receiveFrom(fd, buffer, buffer.length, MSG_DONTWAIT));
    if (length < 0) return packets;
    packets.push(Buffer.from(buffer.subarray(0, length)));
  }
}

function setFlag(fd: number, level: number, name: number, value: number): void {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32LE(value, 0);
  checked('setsockopt', setOption(fd, level, name, bytes, bytes.length));
}

function checked(call: string, result: number): number {
  if (result < 0) throw new Error(`${call}: errno ${koffi.errno()}; these tests send raw packets and need root`);
  return result;
}
