/**
 * Flows that pass both routers, one behind the other: each router sees them begin, so neither needs the other's word, and an answer
 * that is faster than that word is let through.
 */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { eventually } from '../../../lab/eventually.ts';
import { at, closePair, daemons, hosts, openPair, openPort, run, steerThrough, textOf } from './router-pair.ts';

beforeAll(async () => {
  await openPair();
  steerThrough(1, 2);
});
afterAll(closePair);

/** Of 1000 about 20 went unanswered when each router took the other's word for a flow that it had itself. */
const flows = 500;

/** Serves in the server's namespace while `use` runs. */
async function whileServing(program: string, use: () => Promise<void>): Promise<void> {
  const [command = '', ...args] = [...at('s'), process.execPath, '-e', program];
  const server = spawn(command, args);
  try {
    await once(server.stdout, 'data');
    await use();
  } finally {
    server.kill('SIGKILL');
  }
}

/** What a program says in the client's namespace. */
function ask(program: string): string {
  const [command = '', ...args] = [...at('c'), 'timeout', '60', process.execPath, '-e', program];
  const { stdout, stderr } = spawnSync(command, args, { encoding: 'utf8' });
  return `${stdout}${stderr}`.trim();
}

it.each([
  [4, 0],
  [6, 1],
] as const)('the first answer of each IPv%i flow comes through, by UDP', async (family, index) => {
  const [server, client] = [hosts.s[index], hosts.c[index]];
  const serve = `const s = require('dgram').createSocket('udp${family}');
    s.on('message', (m, from) => s.send(m, from.port, from.address)).bind(${openPort}, '${server}', () => console.log('ready'))`;
  const questions = `const { createSocket } = require('dgram'); let answered = 0;
    const ask = (left) => { if (left === 0) { console.log(answered); return; }
      const s = createSocket('udp${family}'); const next = () => { clearTimeout(late); s.close(); ask(left - 1); };
      const late = setTimeout(next, 5000); s.on('message', () => { answered += 1; next(); });
      s.bind(0, '${client}', () => s.send('x', ${openPort}, '${server}')); };
    ask(${flows})`;
  await whileServing(serve, async () => {
    expect(ask(questions)).toBe(String(flows));
  });
});

it('of UDP neither router tells the other, of TCP both do', async () => {
  const [server, client] = [hosts.s[0], hosts.c[0]];
  const heard = { r1: '', r2: '' };
  const watches = (['r1', 'r2'] as const).map((router) => {
    const [command = '', ...args] = [...at(router), 'stdbuf', '-oL', 'conntrack', '-E', '-e', 'NEW,UPDATES'];
    const watch = spawn(command, args);
    watch.stdout.on('data', (text: Buffer) => {
      heard[router] += text.toString();
    });
    return watch;
  });
  const of = (protocol: string) =>
    Object.values(heard).map((text) => text.split('\n').filter((line) => line.includes(` ${protocol} `)));
  const echo = `const s = require('dgram').createSocket('udp4');
    s.on('message', (m, from) => s.send(m, from.port, from.address)).bind(${openPort}, '${server}');
    require('net').createServer((s) => { s.on('error', () => 0); s.pipe(s); }).listen(${openPort}, '${server}', () => console.log('ready'))`;
  const talk = `const u = require('dgram').createSocket('udp4');
    u.on('message', () => 0).bind(0, '${client}', () => setInterval(() => u.send('x', ${openPort}, '${server}'), 20));
    const t = require('net').connect({ host: '${server}', port: ${openPort}, localAddress: '${client}' }); t.resume();
    setInterval(() => t.write('x'), 20)`;
  const isAssured = (router: string) => run(router, 'conntrack', '-L', '-p', 'udp', '-s', client).includes('[ASSURED]');
  try {
    await whileServing(echo, async () => {
      const [command = '', ...args] = [...at('c'), process.execPath, '-e', talk];
      const flows = spawn(command, args);
      try {
        // Its last news but its end: two seconds after its beginning.
        const all = await eventually(
          () => ['r1', 'r2'].map(isAssured),
          (both) => both.every(Boolean),
          { within: 30_000 },
        );
        expect(all).toEqual([true, true]);
        const tcp = await eventually(
          () => of('tcp'),
          (both) => both.every((lines) => lines.length > 0),
          { within: 30_000 },
        );
        expect(tcp.map((lines) => lines.length > 0)).toEqual([true, true]);
        expect(of('udp').flat()).toEqual([]);
      } finally {
        flows.kill('SIGKILL');
      }
    });
  } finally {
    for (const watch of watches) watch.kill('SIGKILL');
  }
});

it('a TCP connection is given back to a router that lost its memory', async () => {
  const [server, client] = [hosts.s[0], hosts.c[0]];
  const echo = `require('net').createServer((s) => { s.on('error', () => 0); s.pipe(s); }).listen(${openPort}, '${server}', () => console.log('ready'))`;
  const talk = `const s = require('net').connect({ host: '${server}', port: ${openPort}, localAddress: '${client}' });
    s.on('data', () => console.log('heard')).on('error', (e) => console.log(e.code)); setInterval(() => s.write('x'), 20)`;
  await whileServing(echo, async () => {
    const [command = '', ...args] = [...at('c'), process.execPath, '-e', talk];
    const flow = spawn(command, args);
    try {
      await once(flow.stdout, 'data');
      const knows = () => /ESTABLISHED .*ASSURED/.test(run('r2', 'conntrack', '-L', '-p', 'tcp', '-s', client));
      expect(await eventually(knows, Boolean), 'before').toBe(true);
      expect(await daemons.get(2)?.kill()).toEqual({ ok: true, value: undefined });
      run('r2', 'conntrack', '-F');
      expect(await daemons.get(2)?.ensure(textOf(2))).toEqual({ ok: true, value: 'restarted' });
      expect(await eventually(knows, Boolean), 'afterwards').toBe(true);
      expect(String((await once(flow.stdout, 'data'))[0])).toContain('heard');
    } finally {
      flow.kill('SIGKILL');
    }
  });
});
