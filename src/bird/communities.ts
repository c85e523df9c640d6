/**
 * Communities as statements: those that users write, and the mark that tells which Site a route came from.
 *
 *   text, SiteMark → [communities] → Community, BirdStatement
 */
import { siteMarkFunction } from '../intent/routing/refusal-reasons.ts';
import type { SiteMark } from '../intent/routing/routing-intent.ts';
import type { BirdStatement, Community, LargePattern } from './config.ts';
import { when } from './statements.ts';

/** `aa:nn` or `aa:nn:mm`; undefined for anything else. */
export function parseCommunity(text: string): Community | undefined {
  const match = /^([0-9]+):([0-9]+)(?::([0-9]+))?$/.exec(text);
  if (!match) return undefined;
  const [a, b, c] = [Number(match[1]), Number(match[2]), match[3] === undefined ? undefined : Number(match[3])];
  if (c === undefined) return a <= 0xffff && b <= 0xffff ? [a, b] : undefined;
  return Math.max(a, b, c) <= 0xffffffff ? [a, b, c] : undefined;
}

export function addCommunities(texts: readonly string[]): BirdStatement[] {
  return texts.flatMap((text): BirdStatement[] => {
    const community = parseCommunity(text);
    return community ? [{ kind: 'add-community', community }] : [];
  });
}

export function markOf({ id }: SiteMark, as: number): Community {
  return [as, siteMarkFunction, id];
}

/** Looked for first: a route that has none keeps its attributes as they came, which it shares with others. */
export function deleteIfAny(pattern: LargePattern): BirdStatement {
  return when({ kind: 'large-community-in', pattern }, { kind: 'delete-communities', pattern });
}
