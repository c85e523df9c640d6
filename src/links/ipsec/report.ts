/**
 * What is said of a tunnel.
 *
 *   IpsecTunnelIntent, TunnelAssociations, why not ─[reportTunnel]→ LinkReport
 *
 * Invariant: a tunnel that is not up says why, or for whom it waits.
 */
import type { IpsecTunnelIntent } from '../../intent/links/links-intent.ts';
import { printAddress } from '../../net/address.ts';
import type { LinkDriverName, LinkReport } from '../link-report.ts';
import type { TunnelAssociations } from './associations.ts';

/** `failure`: of the last attempt. `mtu`: of the device. `certificateUntil`: undefined with a pre-shared key. */
export function reportTunnel(
  tunnel: IpsecTunnelIntent,
  driver: LinkDriverName,
  mtu: number | null,
  { isUp, report }: TunnelAssociations,
  failure: string | undefined,
  certificateUntil: string | undefined,
): LinkReport {
  return {
    ...subject(tunnel),
    driver,
    state: isUp ? 'up' : 'down',
    reason: isUp ? null : (failure ?? waitsFor(tunnel)),
    mtu,
    ipsec: { ...report, certificateUntil: certificateUntil ?? null },
  };
}

export function reportIpsecFailed(
  tunnel: IpsecTunnelIntent,
  driver: LinkDriverName | null,
  reason: string,
): LinkReport {
  return { ...subject(tunnel), driver, state: 'failed', reason, mtu: null };
}

function subject({
  attachment,
  interfaceName,
  kind,
}: IpsecTunnelIntent): Pick<LinkReport, 'attachment' | 'interfaceName' | 'kind'> {
  return { attachment, interfaceName, kind };
}

function waitsFor({ initiates, remoteAddress }: IpsecTunnelIntent): string {
  const peer = printAddress(remoteAddress);
  return initiates ? `${peer} has not answered yet` : `waits for ${peer} to open it`;
}
