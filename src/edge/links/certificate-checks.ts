/**
 * Looks how long the certificates of tunnels are valid, for `causeway doctor`: a tunnel that is up outlives its certificate, and does
 * not come up again.
 */
import type { LinkStatus } from '../../links/link-keeper.ts';
import { type Finding, fine } from '../finding.ts';

/** Who renews by hand wants to know two weeks before. */
const daysBefore = 14;
const dayMs = 24 * 60 * 60 * 1000;

const fix = 'store a new one in the folder of secrets: the agent takes it by itself, and what is up stays up';

/** `now` in ms. */
export function checkCertificates(links: readonly LinkStatus[], now: number): readonly Finding[] {
  return links.flatMap(({ interfaceName, ipsec }) => {
    const until = ipsec?.certificateUntil ?? null;
    return until === null ? [] : [findingOf(`certificate ${interfaceName}`, until, now)];
  });
}

function findingOf(check: string, until: string, now: number): Finding {
  const days = Math.floor((Date.parse(until) - now) / dayMs);
  if (days >= daysBefore) return fine(check, `valid until ${until}`);
  if (days >= 0) return { check, result: 'warning', found: `valid until ${until}, for ${days} more days`, fix };
  return { check, result: 'error', found: `expired at ${until}: the tunnel comes up no more once it is lost`, fix };
}
