/**
 * Sends one real packet, as if it came in by an interface or from a program of this machine.
 *
 *   WirePacket ─[sendOwnPacket]→ raw socket → output hook
 *              ─[injectPacket]→ BPF_PROG_TEST_RUN → receive path of an interface
 *
 * A packet that comes in is handed to the kernel by a test run of an XDP program that passes everything, with the interface as
 * where it was received (linux/bpf.h, BPF_F_TEST_XDP_LIVE_FRAMES): the program is attached to nothing, so no other packet
 * notices. The kernel does that only for interfaces whose driver has an XDP receive queue.
 * Invariant: exactly one packet; sockets and programs are closed at once.
 */
import koffi from 'koffi';
import { err, ok, type Result } from '../result.ts';

export interface WirePacket {
  readonly family: 4 | 6;
  readonly protocol: number;
  readonly source: Uint8Array;
  readonly destination: Uint8Array;
  /** What follows the IP header. */
  readonly transport: Buffer;
  /** With the IP header. */
  readonly whole: Buffer;
}

const libc = koffi.load('libc.so.6');
const openSocket = libc.func('int socket(int domain, int type, int protocol)');
const bindSocket = libc.func('int bind(int fd, const uint8_t *address, uint32_t length)');
const sendTo = libc.func(
  'long sendto(int fd, const uint8_t *data, size_t length, int flags, const uint8_t *address, uint32_t size)',
);
const control = libc.func('int ioctl(int fd, unsigned long request, _Inout_ uint8_t *argument)');
const closeFile = libc.func('int close(int fd)');
const indexOfName = libc.func('uint32_t if_nametoindex(const char *name)');
const bpf = libc.func('long syscall(long number, int command, _Inout_ uint8_t *attributes, uint32_t size)');
const strerror = libc.func('const char *strerror(int number)');

const AF_INET = 2;
const AF_INET6 = 10;
const SOCK_DGRAM = 2;
const SOCK_RAW = 3;
const SIOCGIFHWADDR = 0x8927;
const ARPHRD_ETHER = 1;
const bpfNumbers: Readonly<Record<string, number>> = { x64: 321, arm64: 280 };
const BPF_PROG_LOAD = 5;
const BPF_PROG_TEST_RUN = 10;
const BPF_PROG_TYPE_XDP = 6;
const BPF_F_TEST_XDP_LIVE_FRAMES = 2;
const EINVAL = 22;
/** mov64 r0, XDP_PASS; exit. */
const passEverything = Buffer.from('b700000002000000' + '9500000000000000', 'hex');

/** A packet of this machine's own. */
export function sendOwnPacket({ family, protocol, source, destination, transport }: WirePacket): Result<void, string> {
  const domain = family === 4 ? AF_INET : AF_INET6;
  const socket: number = openSocket(domain, SOCK_RAW, protocol);
  if (socket < 0) return fail('a raw socket cannot be opened');
  try {
    const from = socketAddress(domain, source);
    if (bindSocket(socket, from, from.length) < 0) return fail('the source address is not one of this machine');
    const to = socketAddress(domain, destination);
    const sent = Number(sendTo(socket, transport, transport.length, 0, to, to.length));
    // A packet that policy drops on its way out is told as EPERM, and was seen by every hook before.
    if (sent < 0 && koffi.errno() !== 1) return fail('it cannot be sent');
    return ok(undefined);
  } finally {
    closeFile(socket);
  }
}

/** A packet that comes in by the interface; `whole` begins with the IP header. */
export function injectPacket(interfaceName: string, { family, whole }: WirePacket): Result<void, string> {
  const index: number = indexOfName(interfaceName);
  const number = bpfNumbers[process.arch];
  if (index === 0) return err(`there is no interface ${interfaceName}`);
  if (number === undefined) return err(`packets cannot be injected on ${process.arch}`);
  const address = hardwareAddress(interfaceName);
  if (!address) return err(`${interfaceName} is no Ethernet interface: a packet cannot be put into it`);
  const header = Buffer.concat([address, Buffer.from('020000000001', 'hex'), Buffer.alloc(2)]);
  header.writeUInt16BE(family === 4 ? 0x0800 : 0x86dd, 12);
  const frame = Buffer.concat([header, whole]);
  const program = loadProgram(number);
  if (!program.ok) return program;
  try {
    const context = Buffer.alloc(24); // struct xdp_md
    context.writeUInt32LE(frame.length, 4);
    context.writeUInt32LE(index, 12);
    const attributes = Buffer.alloc(80);
    attributes.writeUInt32LE(program.value, 0);
    attributes.writeUInt32LE(frame.length, 8);
    attributes.writeBigUInt64LE(koffi.address(frame), 16);
    attributes.writeUInt32LE(1, 32); // once
    attributes.writeUInt32LE(context.length, 40);
    attributes.writeBigUInt64LE(koffi.address(context), 48);
    attributes.writeUInt32LE(BPF_F_TEST_XDP_LIVE_FRAMES, 64);
    attributes.writeUInt32LE(1, 72); // a batch of one
    if (Number(bpf(number, BPF_PROG_TEST_RUN, attributes, attributes.length)) >= 0) return ok(undefined);
    if (koffi.errno() !== EINVAL) return fail('the packet cannot be injected');
    return err(
      `${interfaceName} takes no injected packet: its driver has no XDP receive queue (a veth has one after ethtool -K ${interfaceName} gro on)`,
    );
  } finally {
    closeFile(program.value);
  }
}

function loadProgram(number: number): Result<number, string> {
  const license = Buffer.from('Apache-2.0\0');
  const attributes = Buffer.alloc(48);
  attributes.writeUInt32LE(BPF_PROG_TYPE_XDP, 0);
  attributes.writeUInt32LE(passEverything.length / 8, 4);
  attributes.writeBigUInt64LE(koffi.address(passEverything), 8);
  attributes.writeBigUInt64LE(koffi.address(license), 16);
  const program = Number(bpf(number, BPF_PROG_LOAD, attributes, attributes.length));
  return program < 0 ? fail('the kernel loads no BPF program') : ok(program);
}

/** Six bytes; undefined where the interface has no Ethernet address. Not by /sys, which may show another network namespace. */
function hardwareAddress(interfaceName: string): Buffer | undefined {
  const socket: number = openSocket(AF_INET, SOCK_DGRAM, 0);
  if (socket < 0) return undefined;
  try {
    const request = Buffer.alloc(40); // struct ifreq: a name of 16 bytes, then a sockaddr
    request.write(interfaceName, 0, 15, 'latin1');
    const isKnown = Number(control(socket, SIOCGIFHWADDR, request)) === 0;
    return isKnown && request.readUInt16LE(16) === ARPHRD_ETHER ? request.subarray(18, 24) : undefined;
  } finally {
    closeFile(socket);
  }
}

function socketAddress(domain: number, address: Uint8Array): Buffer {
  const bytes = Buffer.alloc(domain === AF_INET ? 16 : 28);
  bytes.writeUInt16LE(domain, 0);
  bytes.set(address, domain === AF_INET ? 4 : 8);
  return bytes;
}

function fail(what: string): Result<never, string> {
  return err(`${what}: ${strerror(koffi.errno())}`);
}
