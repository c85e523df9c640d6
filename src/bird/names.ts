/**
 * What our symbols are called in BIRD: everything of ours begins with `cw_`.
 *
 * Invariant: names depend on what they name alone, never on their place in a list, so that adding one renames no other.
 */
import type { SessionIntent } from '../intent/routing/routing-intent.ts';
import { nameToSymbol, toSymbol } from '../intent/routing/session-name.ts';
import type { Family } from '../net/address.ts';

export const birdPrefix = 'cw_';

export const deviceName = `${birdPrefix}device`;
export const bfdName = `${birdPrefix}bfd`;
export const directName = `${birdPrefix}direct`;

export function kernelName(family: Family): string {
  return `${birdPrefix}kernel${family}`;
}

export function staticName(family: Family): string {
  return `${birdPrefix}static${family}`;
}

/** Of routes that stand for more specific ones. */
export function aggregateName(family: Family): string {
  return `${birdPrefix}aggregate${family}`;
}

/** Of the default route that some peers are told of, whether there is one or not. */
export function originatedName(family: Family): string {
  return `${birdPrefix}default${family}`;
}

export function sessionProtocolName(session: string): string {
  return `${birdPrefix}${toSymbol(session)}`;
}

/** The session's name in the intent; undefined for a protocol that is none of ours. */
export function sessionOfProtocol(protocol: string): string | undefined {
  return protocol.startsWith(birdPrefix) ? protocol.slice(birdPrefix.length) : undefined;
}

export function kernelFilterName(family: Family): string {
  return `${birdPrefix}kernel_export${family}`;
}

/** `other` is the channel's family where it is not that of the session's own addresses. */
export function sessionFilterName(direction: 'import' | 'export', session: string, other?: Family): string {
  return `${birdPrefix}${direction}${other ?? ''}_${toSymbol(session)}`;
}

/** The family stands in the name only where it is not that of the session's own addresses. */
export function channelFilterName(direction: 'import' | 'export', session: SessionIntent, family: Family): string {
  return sessionFilterName(direction, session.name, family === session.family ? undefined : family);
}

export function filterFunctionName(filter: string, direction: 'import' | 'export', family: Family): string {
  return `${birdPrefix}filter_${direction}${family}_${nameToSymbol(filter, 38)}`;
}
