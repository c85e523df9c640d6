/**
 * Public keys of WireGuard tunnels between two routers: each makes its own private key and tells the public one, and whoever runs
 * the other router writes it down there. Between two routers of a lab, the lab does that.
 *
 *   `status` of one router ─[exchangeKeys]→ peerPublicKey in the Attachment of the other → `apply` on its store
 *
 * Invariant: no private key is read or written here.
 */
import { z } from 'zod';
import { type LinkState, linksOf } from '../checks/links.ts';
import { eventually, mapLimited } from '../eventually.ts';
import { LabFailure, mustRun } from '../sandbox/run.ts';
import type { Sandbox } from '../sandbox/sandbox.ts';
import type { Lab } from '../topology/lab-file.ts';
import { causewayFor } from '../topology/stores.ts';

/** Milliseconds for an agent to have made its keys. */
const patience = 20_000;

interface End {
  readonly router: string;
  readonly device: string;
}

const attachment = z.looseObject({
  spec: z.looseObject({ link: z.looseObject({ wireguard: z.looseObject({ peerPublicKey: z.string() }) }) }),
});

/** Of all tunnels of the file that have one of our routers at both ends and are WireGuard there. */
export async function exchangeKeys(lab: Lab, sandbox: Sandbox): Promise<void> {
  const tunnels = lab.spec.tunnels
    .map((tunnel) => Object.entries(tunnel).map(([router, device]): End => ({ router, device })))
    .filter((ends) => ends.every(({ router }) => lab.spec.nodes[router]?.type === 'router'));
  const routers = [...new Set(tunnels.flat().map(({ router }) => router))];
  const links = new Map(
    await mapLimited(routers, 2, async (name) => [name, await linksWithKeys(lab, sandbox, name)] as const),
  );
  const linkAt = ({ router, device }: End): LinkState | undefined =>
    links.get(router)?.find(({ interfaceName, kind }) => interfaceName === device && kind === 'wireguard');

  const changes = new Map<string, string[]>();
  for (const ends of tunnels) {
    for (const here of ends) {
      const key = ends.filter((end) => end !== here).map(linkAt)[0]?.wireguard?.publicKey;
      const name = linkAt(here)?.attachment;
      if (typeof key !== 'string' || name === undefined) continue;
      const changed = await withPeerKey(lab, sandbox, here.router, name, key);
      changes.set(here.router, [...(changes.get(here.router) ?? []), changed]);
    }
  }
  for (const [router, texts] of changes) {
    await mustRun(sandbox, causewayFor(lab, router, ['apply', '-f', '-']), { input: texts.join('\n---\n') });
  }
}

/** What the agent says of its links, once each WireGuard among them has its key. */
async function linksWithKeys(lab: Lab, sandbox: Sandbox, router: string): Promise<readonly LinkState[]> {
  const keyless = (links: readonly LinkState[]) =>
    links.filter(({ kind, wireguard }) => kind === 'wireguard' && typeof wireguard?.publicKey !== 'string');
  const links = await eventually(
    () => linksOf(lab, sandbox, router),
    (all) => all.length > 0 && keyless(all).length === 0,
    { within: patience },
  );
  const [first] = keyless(links);
  if (first === undefined) return links;
  throw new LabFailure(`${router}: WireGuard of Attachment ${first.attachment} has no key after ${patience / 1000} s`);
}

async function withPeerKey(lab: Lab, sandbox: Sandbox, router: string, name: string, key: string): Promise<string> {
  const argv = causewayFor(lab, router, ['get', 'attachment', name, '-o', 'json', '--export']);
  const resource = attachment.parse(JSON.parse(await mustRun(sandbox, argv)));
  resource.spec.link.wireguard.peerPublicKey = key;
  return JSON.stringify(resource);
}
