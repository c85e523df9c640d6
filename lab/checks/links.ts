/**
 * What carries each Attachment, as every router says of itself: VLAN, IPsec, WireGuard, or a device that was there.
 *
 *   `causeway status -o json` of each router ─[readLinks]→ LinkRow
 *
 * Invariant: a link passes only when its router reads it as up.
 */
import { z } from 'zod';
import { mapLimited } from '../eventually.ts';
import { mustRun } from '../sandbox/run.ts';
import type { Sandbox } from '../sandbox/sandbox.ts';
import type { Lab } from '../topology/lab-file.ts';
import { causewayFor } from '../topology/stores.ts';

const status = z.object({
  links: z.array(
    z.object({
      attachment: z.string(),
      interfaceName: z.string(),
      kind: z.enum(['interface', 'vlan', 'ipsec', 'wireguard']),
      /** What does the work: a driver of the kernel, or what stands in for it. */
      driver: z.string().nullable(),
      state: z.enum(['up', 'down', 'failed']),
      reason: z.string().nullable(),
      mtu: z.number().nullable(),
      wireguard: z.object({ publicKey: z.string().nullable() }).optional(),
    }),
  ),
});

export type LinkState = z.infer<typeof status>['links'][number];

export interface LinkRow extends LinkState {
  readonly router: string;
  readonly passed: boolean;
}

export async function linksOf(lab: Lab, sandbox: Sandbox, router: string): Promise<readonly LinkState[]> {
  const text = await mustRun(sandbox, causewayFor(lab, router, ['status', '--router', router, '-o', 'json']));
  return status.parse(JSON.parse(text)).links;
}

/** Of all routers of the lab, in its order. */
export async function readLinks(lab: Lab, sandbox: Sandbox): Promise<readonly LinkRow[]> {
  const routers = Object.entries(lab.spec.nodes).flatMap(([name, { type }]) => (type === 'router' ? [name] : []));
  const rows = await mapLimited(routers, 2, async (router) =>
    (await linksOf(lab, sandbox, router)).map((link): LinkRow => ({ ...link, router, passed: link.state === 'up' })),
  );
  return rows.flat();
}
