/**
 * Echo requests that may not be fragmented, by `ping`.
 *
 * Invariant: never in more than a second and a half, so that a silent path costs little.
 */

import type { EchoAnswer } from '../../links/path-mtu.ts';
import type { Family } from '../../net/address.ts';
import { runProgram } from '../run-program.ts';

/** Bytes of an IP header and an echo request's. */
const headers: Readonly<Record<Family, number>> = { 4: 20 + 8, 6: 40 + 8 };

/** `bytes` of the IP packet. */
export async function ping(interfaceName: string, remote: string, family: Family, bytes: number): Promise<EchoAnswer> {
  // Two of them, since one may be lost for any reason.
  const often = ['-c', '2', '-i', '0.2', '-W', '1'];
  const args = [`-${family}`, '-n', '-q', '-M', 'do', ...often, '-s', `${bytes - headers[family]}`];
  const ran = await runProgram('ping', [...args, '-I', interfaceName, remote], { timeoutMs: 5_000 });
  if (!ran.ok) return 'silent';
  if (ran.value.exitCode === 0) return 'answered';
  // `Frag needed and DF set (mtu = 1400)`, `Packet too big: mtu=1400`, `message too long, mtu=1400`
  return /mtu ?[=:]/i.test(ran.value.stdout + ran.value.stderr) ? 'too-long' : 'silent';
}
