/**
 * A bell for changes of one nftables table, from the kernel's own notifications (nfnetlink, group NFNLGRP_NFTABLES).
 *
 *   kernel ─netlink─▶ [watchTable] ─▶ onChange
 *
 * Not `nft monitor`: 1.0.6 reads freed memory and dies on elements of concatenated interval maps, and our tables are made
 * of those. The socket is asked ten times a second without waiting: Node cannot poll a netlink socket, and a blocked thread
 * of its pool would cost more than that.
 * Invariant: it only reads; whatever is lost or cannot be read rings as well.
 */
import koffi from 'koffi';

const libc = koffi.load('libc.so.6');
const openSocket = libc.func('int socket(int domain, int type, int protocol)');
const bindSocket = libc.func('int bind(int fd, const uint8_t *address, uint32_t length)');
const setOption = libc.func('int setsockopt(int fd, int level, int name, const uint8_t *value, uint32_t length)');
const receive = libc.func('long recv(int fd, uint8_t *buffer, size_t length, int flags)');
const closeSocket = libc.func('int close(int fd)');

const AF_NETLINK = 16;
const SOCK_RAW_CLOEXEC = 3 | 0o2000000;
const NETLINK_NETFILTER = 12;
const NFNLGRP_NFTABLES_MASK = 1 << 6;
const SOL_SOCKET = 1;
const SO_RCVBUFFORCE = 33;
const MSG_DONTWAIT = 0x40;
const EAGAIN = 11;
const NFNL_SUBSYS_NFTABLES = 10;
const NFPROTO_INET = 1;

const pollMs = 100;
const receiveBufferBytes = 8 * 1024 * 1024;

/**
 * Undefined where the socket cannot be had: no right to, or no nf_tables. What a netlink port that `isOwn` knows has sent
 * does not ring.
 */
export function watchTable(
  table: string,
  isOwn: (port: number) => boolean,
  onChange: () => void,
): { close(): void } | undefined {
  const fd: number = openSocket(AF_NETLINK, SOCK_RAW_CLOEXEC, NETLINK_NETFILTER);
  if (fd < 0) return undefined;
  const address = Buffer.alloc(12);
  address.writeUInt16LE(AF_NETLINK, 0);
  address.writeUInt32LE(NFNLGRP_NFTABLES_MASK, 8);
  if (bindSocket(fd, address, address.length) < 0) {
    closeSocket(fd);
    return undefined;
  }
  const size = Buffer.alloc(4);
  size.writeInt32LE(receiveBufferBytes);
  setOption(fd, SOL_SOCKET, SO_RCVBUFFORCE, size, size.length); // without the right to, an overflow rings instead

  const buffer = Buffer.alloc(256 * 1024);
  const timer = setInterval(() => {
    if (drain(fd, buffer, table, isOwn)) onChange();
  }, pollMs);
  return {
    close() {
      clearInterval(timer);
      closeSocket(fd);
    },
  };
}

/** Reads what has come; whether any of it concerns the table. */
function drain(fd: number, buffer: Buffer, table: string, isOwn: (port: number) => boolean): boolean {
  let isTouched = false;
  for (;;) {
    const length = Number(receive(fd, buffer, buffer.length, MSG_DONTWAIT));
    if (length < 0) return isTouched || koffi.errno() !== EAGAIN; // ENOBUFS: notifications were lost
    if (length === 0) return isTouched;
    isTouched ||= concernsTable(buffer.subarray(0, length), table, isOwn);
  }
}

/** Whether a datagram of netlink messages names the table (linux/netlink.h, linux/netfilter/nf_tables.h), and is not our own. */
function concernsTable(datagram: Buffer, table: string, isOwn: (port: number) => boolean): boolean {
  for (let at = 0; at + 20 <= datagram.length; ) {
    const length = datagram.readUInt32LE(at);
    if (length < 16 || at + length > datagram.length) return true; // cut off: better one bell too many
    const subsystem = datagram.readUInt16LE(at + 4) >> 8;
    const family = datagram.readUInt8(at + 16);
    const isForeign = !isOwn(datagram.readUInt32LE(at + 12));
    if (isForeign && subsystem === NFNL_SUBSYS_NFTABLES && family === NFPROTO_INET) {
      if (firstAttribute(datagram.subarray(at + 20, at + length)) === table) return true;
    }
    at += (length + 3) & ~3;
  }
  return false;
}

/** Attribute 1 is the table's name in every message about a table, chain, rule, set, element or object. */
function firstAttribute(attributes: Buffer): string | undefined {
  for (let at = 0; at + 4 <= attributes.length; ) {
    const length = attributes.readUInt16LE(at);
    if (length < 4) return undefined;
    if ((attributes.readUInt16LE(at + 2) & 0x3fff) === 1) {
      return attributes.toString('latin1', at + 4, Math.min(at + length, attributes.length)).replace(/\0.*$/s, '');
    }
    at += (length + 3) & ~3;
  }
  return undefined;
}
