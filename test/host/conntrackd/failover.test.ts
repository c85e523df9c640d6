/** One long TCP flow: its router dies, the other carries it on, and it goes back to a router that starts with nothing. */
import { spawn } from 'node:child_process';
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
  type Router,
  run,
  steer,
  textOf,
} from './router-pair.ts';

beforeAll(openPair);
afterAll(closePair);

/** A flow that never ends by itself: the server sends back what the client says. `bytes` grows while it lives. */
function openFlow(family: 4 | 6) {
  const index = family === 4 ? 0 : 1;
  const serve = `require('net').createServer((s) => { s.on('error', () => 0); s.pipe(s); }).listen(${openPort}, '${hosts.s[index]}', () => console.log('ready'))`;
  const say = `let n = 0; const s = require('net').connect({ host: '${hosts.s[index]}', port: ${openPort}, localAddress: '${hosts.c[index]}' });
    s.on('data', (d) => console.log((n += d.length))); s.on('error', () => 0); setInterval(() => s.write('x'.repeat(4000)), 10)`;
  const server = spawn(at('s')[0] ?? '', [...at('s').slice(1), process.execPath, '-e', serve]);
  const flow = {
    bytes: 0,
    client: undefined as ReturnType<typeof spawn> | undefined,
    close() {
      server.kill('SIGKILL');
      flow.client?.kill('SIGKILL');
    },
  };
  server.stdout.once('data', () => {
    const client = spawn(at('c')[0] ?? '', [...at('c').slice(1), process.execPath, '-e', say]);
    client.stdout.on('data', (text: Buffer) => {
      flow.bytes = Number(text.toString().trim().split('\n').at(-1));
    });
    flow.client = client;
  });
  return flow;
}

/** Whether it carries half a megabyte more. */
async function goesOn(flow: { readonly bytes: number }): Promise<boolean> {
  const least = flow.bytes + 500_000;
  return (
    (await eventually(
      () => flow.bytes,
      (bytes) => bytes > least,
      { every: 50 },
    )) > least
  );
}

const knows = (router: Router, family: 4 | 6): boolean =>
  run(`r${router}`, 'conntrack', '-L', '-f', `ipv${family}`, '-p', 'tcp', '--orig-port-dst', String(openPort)).includes(
    'ESTABLISHED',
  );

it.each([4, 6] as const)('an IPv%i flow outlives its router, and goes back to it', async (family) => {
  steer(1, 1);
  const flow = openFlow(family);
  try {
    expect(await goesOn(flow), 'over the first router').toBe(true);
    // The first router dies and forgets all.
    process.kill(Number(readFileSync(filesOf(1).pid, 'utf8')), 'SIGKILL');
    run('r1', 'conntrack', '-F');
    steer(2, 2);
    expect(await goesOn(flow), 'over the second router').toBe(true);
    expect(await daemons.get(2)?.takeOver()).toEqual({ ok: true, value: undefined });
    expect(knows(1, family)).toBe(false);
    expect(await daemons.get(1)?.ensure(textOf(1))).toEqual({ ok: true, value: 'restarted' });
    expect(await eventually(() => knows(1, family), Boolean, { every: 50 })).toBe(true);
    steer(1, 1);
    expect(await goesOn(flow), 'over the first router again').toBe(true);
    // Without a death too: the windows of what passed the second router are unknown to the first.
    steer(2, 2);
    expect(await goesOn(flow), 'over the second router again').toBe(true);
    steer(1, 1);
    expect(await goesOn(flow), 'over the first router at last').toBe(true);
  } finally {
    flow.close();
  }
});
