/**
 * Flows that pass both routers, one behind the other: each router sees them begin, so neither needs the other's word, and an answer
 * that is faster than that word is let through.
 */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { eventually } from '../../../lab/eventually.ts';
import {
  at,
  closePair,
  daemons,
  filesOf,
  hosts,
  openPair,
  openPort,
  run,
  steerThrough,
  textOf,
} from './router-pair.ts';

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

const repeatedSyns = (): number => Number(/TcpExtTCPSynRetrans +(\d+)/.exec(run('c', 'nstat', '-asz'))?.[1]);

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

it.each([
  [4, 0],
  [6, 1],
] as const)('no SYN of an IPv%i connection is said twice', async (_family, index) => {
  const [server, client] = [hosts.s[index], hosts.c[index]];
  const serve = `require('net').createServer((s) => { s.on('error', () => 0); s.pipe(s); }).listen(${openPort}, '${server}', () => console.log('ready'))`;
  const connections = `const { connect } = require('net'); let made = 0;
    const go = (left) => { if (left === 0) { console.log(made); return; }
      connect({ host: '${server}', port: ${openPort}, localAddress: '${client}' }).on('connect', function () { made += 1; this.end(); })
        .on('error', (e) => console.log(e.code)).on('close', () => go(left - 1)).resume(); };
    go(${flows})`;
  const before = repeatedSyns();
  await whileServing(serve, async () => {
    expect(ask(connections)).toBe(String(flows));
  });
  expect(repeatedSyns() - before).toBe(0);
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
      expect(await eventually(knows, Boolean, { within: 30_000 }), 'before').toBe(true);
      process.kill(Number(readFileSync(filesOf(2).pid, 'utf8')), 'SIGKILL');
      run('r2', 'conntrack', '-F');
      expect(await daemons.get(2)?.ensure(textOf(2))).toEqual({ ok: true, value: 'restarted' });
      expect(await eventually(knows, Boolean, { within: 30_000 }), 'afterwards').toBe(true);
      expect(String((await once(flow.stdout, 'data'))[0])).toContain('heard');
    } finally {
      flow.kill('SIGKILL');
    }
  });
});
