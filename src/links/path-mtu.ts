/**
 * How large a packet may be that goes all the way through a link: a path that drops larger ones without a word is a black hole
 * (RFC 2923), which lets sessions come up and transfers hang.
 *
 *   MTU of the device ─[findPathMtu]─ echo requests of chosen sizes ─▶ PathMtu → doctor
 *
 * Invariant: sends through `echo` alone: one request where nothing is wrong, two where nobody answers; where packets vanish, three at
 * a time, at most seven times on an Ethernet of 9000 bytes, since each that is lost costs a wait.
 */

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

/** Bytes that every path carries (RFC 791). Links with IPv6 owe 1280 (RFC 8200 §5): one that does not is a black hole too. */
const leastMtu = 68;

/**
 * `mtu` in bytes. `guess`: what was found elsewhere, since tunnels that share a way share what is wrong with it; a right one is
 * known at the first look.
 */
export async function findPathMtu(echo: Echo, mtu: number, guess?: number): Promise<PathMtu> {
  const whole = await echo(mtu);
  if (whole === 'answered') return { kind: 'whole' };
  if ((await echo(leastMtu)) !== 'answered') return { kind: 'unanswered' };
  let [passes, fails] = [leastMtu, mtu];
  let isTold = whole === 'too-long';
  let sizes = guess === undefined ? [] : between([guess, guess + 1], passes, fails);
  if (sizes.length === 0) sizes = quarters(passes, fails);
  while (sizes.length > 0) {
    const asked = sizes;
    const answers = await Promise.all(asked.map(echo));
    isTold ||= answers.includes('too-long');
    // One that is lost by chance is smaller than one that passed.
    passes = Math.max(passes, ...asked.filter((_, i) => answers[i] === 'answered'));
    fails = Math.min(fails, ...asked.filter((bytes, i) => answers[i] !== 'answered' && bytes > passes));
    sizes = quarters(passes, fails);
  }
  return { kind: 'narrower', bytes: passes, isTold };
}

/** Three sizes that part the rest in four; fewer where it is small, none where it is nothing. */
function quarters(passes: number, fails: number): readonly number[] {
  const sizes = [1, 2, 3].map((n) => Math.floor(passes + ((fails - passes) * n) / 4));
  return between([...new Set(sizes)], passes, fails);
}

function between(sizes: readonly number[], passes: number, fails: number): readonly number[] {
  return sizes.filter((bytes) => bytes > passes && bytes < fails);
}
