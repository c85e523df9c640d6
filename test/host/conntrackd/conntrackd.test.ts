/** What goes out over the one router and comes back over the other, and the life of conntrackd. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually as lastRead } from '../../../lab/eventually.ts';
import { createConntrackd } from '../../../src/edge/conntrackd-process.ts';
import {
  at,
  closePair,
  daemons,
  dir,
  filesOf,
  hosts,
  openPair,
  openPort,
  type Router,
  run,
  steer,
  textOf,
  transfer,
} from './router-pair.ts';

beforeAll(openPair);
afterAll(closePair);

const invalidDropped = (router: Router): number =>
  [
    ...run(`r${router}`, 'nft', 'list', 'table', 'inet', 'causeway').matchAll(
      /counter packets (\d+) bytes \d+ .*invalid/g,
    ),
  ]
    .map(([, packets]) => Number(packets))
    .reduce((sum, packets) => sum + packets, 0);

describe('with shared state', () => {
  it.each([
    [4, 1, 1],
    [4, 1, 2],
    [4, 2, 1],
    [6, 1, 2],
  ] as const)(
    'IPv%i that goes out over router %i and comes back over router %i arrives whole',
    async (family, out, back) => {
      steer(out, back);
      expect(await transfer(family, 5_000_000)).toBe(5_000_000);
    },
  );

  it('an answer to nothing is dropped by the other router too', async () => {
    steer(1, 2);
    const before = invalidDropped(2);
    // An acknowledgement from the server's port to a port of the client's that never asked.
    const send = `import socket, struct, sys
src, dst = sys.argv[1], sys.argv[2]
def checksum(data):
    total = sum(struct.unpack('!%dH' % (len(data) // 2), data))
    while total >> 16: total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff
tcp = struct.pack('!HHIIBBHHH', ${openPort}, 40000, 1, 1, 5 << 4, 0x10, 8192, 0, 0)
pseudo = socket.inet_aton(src) + socket.inet_aton(dst) + struct.pack('!BBH', 0, 6, len(tcp))
tcp = tcp[:16] + struct.pack('!H', checksum(pseudo + tcp)) + tcp[18:]
s = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_TCP)
s.bind((src, 0)); s.sendto(tcp, (dst, 0))`;
    run('s', 'python3', '-c', send, hosts.s[0], hosts.c[0]);
    await expect.poll(() => invalidDropped(2)).toBe(before + 1);
  });
});

describe('the daemon', () => {
  const pidOf = (router: Router): number => Number(readFileSync(filesOf(router).pid, 'utf8'));

  it('is left alone when nothing changed, and by a successor of whoever started it', async () => {
    const pid = pidOf(1);
    const successor = createConntrackd({ dir: join(dir, 'r1'), launcher: at('r1') });
    for (const daemon of [daemons.get(1), successor]) {
      expect(await daemon?.ensure(textOf(1))).toEqual({ ok: true, value: 'unchanged' });
    }
    expect(pidOf(1)).toBe(pid);
  });

  it('is started again after it was killed, and has the whole table of the other router then', async () => {
    steer(1, 1);
    expect(await transfer(4, 1000)).toBe(1000);
    // Waits until it is gone: a moment before, there is one that could be left alone.
    expect(await daemons.get(2)?.kill()).toEqual({ ok: true, value: undefined });
    run('r2', 'conntrack', '-F');
    expect(await daemons.get(2)?.ensure(textOf(2))).toEqual({ ok: true, value: 'restarted' });
    const flows = (): string => run('r2', 'conntrack', '-L', '-p', 'tcp', '--orig-port-dst', String(openPort));
    const last = await lastRead(flows, (text) => text.includes(hosts.c[0]), { every: 100 });
    expect(last).toContain(hosts.c[0]);
  });

  it('says what it sent and heard', async () => {
    const told = await lastRead(
      async () => daemons.get(1)?.traffic(),
      (read) => read?.ok === true && (read.value.receivedPackets ?? 0) > 0,
      { every: 100 },
    );
    expect(told).toMatchObject({
      ok: true,
      value: { sendErrors: 0, receiveErrors: 0, lostPackets: expect.any(Number) },
    });
  });

  it('is gone with its files when it is stopped', async () => {
    const pid = pidOf(1);
    expect(await daemons.get(1)?.stop()).toEqual({ ok: true, value: true });
    // One that ended is there until it was waited for.
    const isThere = () => spawnSync('kill', ['-0', String(pid)]).status === 0;
    expect(await lastRead(isThere, (there) => !there)).toBe(false);
    expect(await daemons.get(1)?.stop()).toEqual({ ok: true, value: false });
  });
});
