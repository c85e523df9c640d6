/**
 * What a Log rule writes before each packet: Calico's `logPrefix` with its % specifiers expanded.
 */
import type { PolicyRules } from '../intent/policy/policy-intent.ts';

/** nft cuts at 127 characters. */
const maximumLength = 127;

/**
 * `%t` tier, `%k` kind, `%n` name, `%p` policy; anything else stays as written; ends in `: ` (Calico v3 API,
 * FelixConfiguration.logPrefix). What nft would read as quote, escape or variable becomes `_`.
 */
export function expandLogPrefix(prefix: string, { tier, kind, name }: PolicyRules): string {
  const words: Readonly<Record<string, string>> = {
    t: tier ?? 'profile',
    k: kind,
    n: name.split('/').at(-1) ?? name,
    p: name,
  };
  const expanded = prefix.replace(/%([tknp])/g, (whole, letter: string) => words[letter] ?? whole);
  const suffix = ': ';
  const text = `${expanded.slice(0, maximumLength - suffix.length)}${suffix}`;
  return text.replace(/[^\x20-\x7e]|["\\$]/g, '_');
}
