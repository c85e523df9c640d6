/**
 * How large a packet may be that goes all the way through a link: a path that drops larger ones without a word is a black hole
 * (RFC 2923), which lets sessions come up and transfers hang.
 *
 *   MTU of the device ─[findPathMtu]─ echo requests of chosen sizes ─▶ PathMtu → doctor
 *
 * Invariant: sends through `echo` alone; at most two requests where nothing is wrong, and thirteen where something is.
 */
import type { Family } from '../net/address.ts';

/** One echo request that may not be fragmented, of so many bytes with its IP header. */
export type Echo = (bytes: number) => Promise<EchoAnswer>;

/** `too-long`: a router, or this host by what a router told it before, says that the path is narrower. */
export type EchoAnswer = 'answered' | 'silent' | 'too-long';

export type PathMtu =
  /** Not even the smallest packet is answered: nothing can be said. */
  | { readonly kind: 'unanswered' }
  | { readonly kind: 'whole' }
  /** Packets of more than `bytes` do not arrive; `isTold`: and who sends them hears of it. */
  | { readonly kind: 'narrower'; readonly bytes: number; readonly isTold: boolean };

/** Smallest MTU of a link: RFC 791, RFC 8200 section 5. */
const leastMtu: Readonly<Record<Family, number>> = { 4: 68, 6: 1280 };

/** `mtu` in bytes. */
export async function findPathMtu(echo: Echo, family: Family, mtu: number): Promise<PathMtu> {
  if ((await echo(mtu)) === 'answered') return { kind: 'whole' };
  if ((await echo(leastMtu[family])) !== 'answered') return { kind: 'unanswered' };
  let [passes, fails] = [leastMtu[family], mtu];
  let isTold = false;
  while (fails - passes > 1) {
    const bytes = Math.floor((passes + fails) / 2);
    const answer = await echo(bytes);
    if (answer === 'answered') passes = bytes;
    else fails = bytes;
    isTold ||= answer === 'too-long';
  }
  return { kind: 'narrower', bytes: passes, isTold };
}
