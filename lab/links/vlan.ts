/**
 * Tagged interfaces on a node that is not ours: the far end of a trunk.
 *
 *   Lab ─[tagLinks]→ sub-interfaces, by the kernel's 802.1Q or by the tagger that stands in for it
 *
 * It is the product's own driver, since no other program can tag where the kernel cannot; that its frames are as 802.1Q has them
 * is seen where they are captured (test/host/links).
 * Invariant: only for links that are up at both ends; the tags are on the wire.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createVlanDriver } from '../../src/edge/links/vlan.ts';
import type { VlanLinkIntent } from '../../src/intent/links/links-intent.ts';
import { parseCidr } from '../../src/net/prefix.ts';
import { LabFailure } from '../sandbox/run.ts';
import { pathInside, type Sandbox } from '../sandbox/sandbox.ts';
import type { Lab } from '../topology/lab-file.ts';
import { interfacesOf } from '../topology/wiring.ts';

export async function tagLinks(lab: Lab, sandbox: Sandbox, node: string): Promise<void> {
  const links = interfacesOf(lab, node).flatMap(({ interface: parent, vlans }) =>
    vlans.map(
      ({ id, interface: interfaceName, addresses }): VlanLinkIntent => ({
        kind: 'vlan',
        attachment: 'lab',
        interfaceName,
        parent,
        id,
        addresses: addresses.map(parseCidr).filter((cidr) => cidr !== undefined),
        remotes: [],
        mtu: undefined,
        mssClamp: undefined,
      }),
    ),
  );
  if (links.length === 0) return;
  const dir = mkdtempSync(join(tmpdir(), 'causeway-lab-tags-'));
  try {
    // The node's network and the host's files: `tc` loads what the driver has just written.
    const launcher = ['nsenter', `--net=${pathInside(sandbox, `/run/netns/${node}`)}`];
    const reports = await createVlanDriver({ router: node, dir, launcher }).ensure(links, new Map());
    const faults = reports.filter(({ state }) => state !== 'up');
    if (faults.length === 0) return;
    throw new LabFailure(faults.map(({ interfaceName, reason }) => `${node}: ${interfaceName}: ${reason}`).join('\n'));
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}
