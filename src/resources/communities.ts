/** Communities by name (IANA, "BGP Well-known Communities"). */

/** RFC 1997, RFC 3765, RFC 7999, RFC 8326, RFC 9494; names as operators write them. */
export const wellKnownCommunities: Readonly<Record<string, string>> = {
  'graceful-shutdown': '65535:0',
  'accept-own': '65535:1',
  'llgr-stale': '65535:6',
  'no-llgr': '65535:7',
  blackhole: '65535:666',
  'no-export': '65535:65281',
  'no-advertise': '65535:65282',
  'no-export-subconfed': '65535:65283',
  'no-peer': '65535:65284',
};

/** How much Direct Connect prefers a route, before it looks at the path's length; the lowest first. At most one on a route. */
export const directConnectPreference = { low: '7224:7100', medium: '7224:7200', high: '7224:7300' } as const;

/** How far Direct Connect spreads a prefix: own Region, continent, everywhere. On public virtual interfaces alone. */
export const directConnectScope: readonly string[] = ['7224:9100', '7224:9200', '7224:9300'];

/** `aa:nn` or `aa:nn:mm`; anything that is no well-known name stays as it is. */
export function communityNumbers(written: string): string {
  return wellKnownCommunities[written] ?? written;
}
