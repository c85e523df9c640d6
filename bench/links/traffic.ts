/**
 * Traffic through one link, from `a` to `b`.
 *
 *   Pair ─[serveTraffic]→ a listener on b ; ─[sendFor, echoTimes]→ one figure
 */
import { once } from 'node:events';
import { runIn } from '../kernel/sandbox.ts';
import { type Pair, startOn } from './pair.ts';

/** From the folder of the checkout, where `npm run bench` runs. */
const program = 'bench/links/traffic.mjs';

export async function serveTraffic({ b }: Pair, address = b.inside): Promise<void> {
  const server = startOn(b, [process.execPath, program, 'serve', address]);
  const first = await Promise.race([once(server.stdout ?? server, 'data'), once(server, 'exit')]);
  if (!String(first[0]).startsWith('ready')) throw new Error(`no listener at ${address} of ${b.namespace}`);
}

/** Bytes a second of one TCP connection that lasts so many milliseconds. */
export function sendFor({ a, b }: Pair, milliseconds: number, address = b.inside): number {
  return Number(runIn(a.namespace, process.execPath, [program, 'send', address, `${milliseconds}`]));
}

/** Microseconds there and back, median of so many datagrams, one after the other. */
export function echoTimes({ a, b }: Pair, count: number, address = b.inside): number {
  return Number(runIn(a.namespace, process.execPath, [program, 'echo', address, `${count}`]));
}
