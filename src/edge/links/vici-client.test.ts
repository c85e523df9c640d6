/** A conversation with a charon that answers as its documentation says, and with one that does not. */
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openVici, type ViciClient } from './vici-client.ts';
import { encodePacket, packetReader, type ViciPacket } from './vici-packet.ts';

let folder: string;
let server: Server;
let heard: string[];
let answer: (packet: ViciPacket, socket: Socket) => void;

const say = (socket: Socket, ...packets: readonly ViciPacket[]): void => {
  for (const packet of packets) socket.write(encodePacket(packet));
};

const sound = (packet: ViciPacket, socket: Socket): void => {
  if (packet.type === 'register') say(socket, { type: 'confirm' });
  else if (packet.type === 'request') say(socket, { type: 'response', message: { command: packet.name } });
};

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'cw-vici-'));
  heard = [];
  answer = sound;
  server = createServer((socket) => {
    const read = packetReader();
    socket.on('error', () => undefined);
    socket.on('data', (piece) => {
      for (const packet of read(piece)) answer(packet, socket);
    });
  });
  await new Promise<void>((resolve) => server.listen(join(folder, 'vici'), resolve));
});

afterEach(() => {
  server.close();
  rmSync(folder, { recursive: true });
});

async function open(): Promise<ViciClient> {
  const opened = await openVici(join(folder, 'vici'), {
    events: ['log'],
    onEvent: (name) => void heard.push(name),
    onClose: () => void heard.push('closed'),
  });
  if (!opened.ok) throw new Error(opened.error);
  return opened.value;
}

describe('a conversation with charon', () => {
  it('has each answer at its question, whatever happens in between', async () => {
    answer = (packet, socket) => {
      say(socket, { type: 'event', name: 'log', message: { msg: 'in between' } });
      sound(packet, socket);
    };
    const vici = await open();
    const asked = ['version', 'stats', 'get-conns'].map((command) => vici.request(command));
    expect(await Promise.all(asked)).toEqual(
      ['version', 'stats', 'get-conns'].map((command) => ({ ok: true, value: { command } })),
    );
    expect(heard).toEqual(Array(4).fill('log'));
    vici.close();
  });

  it('tells what charon refuses, in its words', async () => {
    const vici = await open();
    answer = (_, socket) => say(socket, { type: 'response', message: { success: 'no', errmsg: 'no such thing' } });
    expect(await vici.request('load-conn')).toEqual({ ok: false, error: 'no such thing' });
    answer = (_, socket) => say(socket, { type: 'unknown-request' });
    expect(await vici.request('fly')).toEqual({ ok: false, error: 'charon knows no command fly' });
    vici.close();
  });

  it.each([
    ['a value', { data: 'x'.repeat(70_000) }],
    ['a name', { ['x'.repeat(300)]: '' }],
    ['a message', { items: Array<string>(10).fill('x'.repeat(60_000)) }],
  ])('goes on after %s that is longer than VICI allows, and repeats nothing of it', async (_, message) => {
    const vici = await open();
    const refused = await vici.request('load-shared', message);
    expect(refused).toMatchObject({ ok: false, error: expect.stringMatching(/longer than/) });
    expect(JSON.stringify(refused)).not.toContain('xxx');
    expect(await vici.request('version')).toMatchObject({ ok: true });
    vici.close();
  });

  it.each<[string, (socket: Socket) => void]>([
    ['says what is no VICI', (socket) => void socket.write('HTTP/1.1 400 Bad Request\r\n\r\n')],
    ['hangs up', (socket) => void socket.destroy()],
  ])('is over where the other end %s: what was asked fails, and it is told once', async (_, end) => {
    const vici = await open();
    answer = (_packet, socket) => end(socket);
    const asked = [vici.request('version'), vici.request('stats')];
    expect((await Promise.all(asked)).map(({ ok }) => ok)).toEqual([false, false]);
    expect(vici.isOpen()).toBe(false);
    expect(heard).toEqual(['closed']);
  });

  it('does not begin where nobody listens, or an event is not known', async () => {
    answer = (_, socket) => say(socket, { type: 'unknown-event' });
    await expect(open()).rejects.toThrow('charon knows no event log');
    server.close();
    rmSync(join(folder, 'vici'), { force: true });
    await expect(open()).rejects.toThrow('ENOENT');
    expect(heard).toEqual([]);
  });
});
