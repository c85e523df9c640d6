/**
 * One WireGuard device of this router, brought about: key, driver, device, what `wg` is told.
 *
 *   WireguardLinkIntent ─[bringAbout]→ device with the peer configured, without its inside addresses yet
 *
 * Invariant: a device that is as wanted is not written to, and a peer that was heard elsewhere is not sent back.
 */
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import type { WireguardLinkIntent } from '../../intent/links/links-intent.ts';
import { holdsWireguard, isWireguardKey, printWireguard, writtenEndpoint } from '../../links/wireguard/config.ts';
import type { WireguardDevice } from '../../links/wireguard/read.ts';
import { markBits } from '../../nftables/marks.ts';
import { err, ok, type Result } from '../../result.ts';
import { writeFileAtomically } from '../atomic-file.ts';
import { readText, trimLog } from '../bird-files.ts';
import { aliasOf, isOfRouter, type NetDevice, type NetDevices } from './netdevices.ts';
import { type WireguardFolder, wireguardFiles } from './wireguard-folder.ts';
import { readOrMakeKey } from './wireguard-keys.ts';
import { endWireguardGo, findWireguardGo, startWireguardGo, whyGone } from './wireguard-process.ts';
import type { WireguardTool } from './wireguard-tool.ts';

export interface WireguardPlace {
  readonly folder: WireguardFolder;
  /** Where private keys are kept, `<interface>.key`. */
  readonly keyDir: string;
  readonly router: string;
  readonly devices: Pick<NetDevices, 'configure' | 'remove' | 'change'>;
  readonly tool: WireguardTool;
}

/** What is there before. */
export interface WireguardFound {
  readonly device: NetDevice | undefined;
  readonly wireguard: WireguardDevice | undefined;
  /** Whether its peer is known to be silent: it is then looked for where it is written to be. */
  readonly isLost: boolean;
}

export interface BroughtAbout {
  readonly driver: 'kernel-wireguard' | 'wireguard-go';
  readonly publicKey: string;
}

export interface BringAboutError {
  /** `keys`: nothing may pass by the keys that are there. `device`: what passes now may go on. */
  readonly kind: 'keys' | 'device';
  readonly reason: string;
  readonly publicKey: string | null;
}

export async function bringAbout(
  place: WireguardPlace,
  link: WireguardLinkIntent,
  secrets: ReadonlyMap<string, string>,
  found: WireguardFound,
): Promise<Result<BroughtAbout, BringAboutError>> {
  const keys = await readOrMakeKey(join(place.keyDir, `${link.interfaceName}.key`));
  if (!keys.ok) return err({ kind: 'keys', reason: keys.error, publicKey: null });
  const { privateKey, publicKey } = keys.value;
  const presharedKey = presharedKeyOf(link, secrets);
  if (!presharedKey.ok) return err({ kind: 'keys', reason: presharedKey.error, publicKey });
  const driver = await ensureDevice(place, link, found);
  if (!driver.ok) return err({ kind: 'device', reason: driver.error, publicKey });
  const told = await tell(place, link, { privateKey, publicKey, presharedKey: presharedKey.value }, found);
  if (!told.ok) return err({ kind: 'device', reason: told.error, publicKey });
  return ok({ driver: driver.value, publicKey });
}

/** Does nothing to a device that is not ours. */
export async function takeAway(
  { folder, devices, router }: WireguardPlace,
  name: string,
  device?: NetDevice,
): Promise<Result<void, string>> {
  if ((await findWireguardGo(folder, name)) === undefined && isOwnKernelDevice(router, device)) {
    const removed = await devices.remove(name);
    if (!removed.ok) return err(removed.error.message);
  }
  return endWireguardGo(folder, name);
}

export function isOwnKernelDevice(router: string, device: NetDevice | undefined): boolean {
  return device?.kind === 'wireguard' && isOfRouter(router, device);
}

function presharedKeyOf(
  { peer }: WireguardLinkIntent,
  secrets: ReadonlyMap<string, string>,
): Result<string | undefined, string> {
  if (!peer.presharedKey) return ok(undefined);
  const name = `${peer.presharedKey.name}/${peer.presharedKey.key}`;
  const value = secrets.get(name)?.trim();
  if (value === undefined) return err(`secret ${name} is missing: the preshared key`);
  return isWireguardKey(value) ? ok(value) : err(`secret ${name} is no WireGuard key: write what "wg genpsk" prints`);
}

async function ensureDevice(
  place: WireguardPlace,
  link: WireguardLinkIntent,
  { device, wireguard }: WireguardFound,
): Promise<Result<BroughtAbout['driver'], string>> {
  const { interfaceName, attachment } = link;
  if ((await findWireguardGo(place.folder, interfaceName)) !== undefined) {
    // It says each time that a peer cannot be reached, for as long as that is so.
    await trimLog(wireguardFiles(place.folder, interfaceName));
    if (device) return ok('wireguard-go');
    // Somebody renamed its device, or moved it away.
    await endWireguardGo(place.folder, interfaceName);
  }
  if (isOwnKernelDevice(place.router, device)) return ok('kernel-wireguard');
  // Without alias and key nobody uses it yet: whoever made it was ended before it was marked.
  const isUnfinished = device?.kind === 'wireguard' && !device.alias && wireguard?.publicKey === undefined;
  if (device && !isUnfinished) {
    // Ours by its mark, of a daemon that no file names any more, and that ends with it.
    const isOrphan = device.kind === 'tun' && isOfRouter(place.router, device);
    if (!isOrphan) {
      return err(`a device ${interfaceName} that is not this router's is there already: remove it, or name another`);
    }
    const removed = await place.devices.remove(interfaceName);
    if (!removed.ok) return err(removed.error.message);
  }
  const driver = isUnfinished ? ok('kernel-wireguard' as const) : await createDevice(place, interfaceName);
  if (!driver.ok) return driver;
  // Up before it has a peer, so that a port that is taken is told by `wg` and not found out later.
  const alias = aliasOf(place.router, attachment);
  const configured = await place.devices.configure(interfaceName, { alias, mtu: link.mtu, addresses: [], isUp: true });
  if (configured.ok) return driver;
  const reason = driver.value === 'wireguard-go' ? await whyGone(place.folder, interfaceName) : undefined;
  return err(reason ?? configured.error.message);
}

async function createDevice(
  place: WireguardPlace,
  interfaceName: string,
): Promise<Result<BroughtAbout['driver'], string>> {
  const made = await place.devices.change([`link add dev ${interfaceName} type wireguard`]);
  if (made.ok) return ok('kernel-wireguard');
  if (!/unknown device type|not supported/i.test(made.error.message)) return err(made.error.message);
  const started = await startWireguardGo(place.folder, interfaceName);
  return started.ok ? ok('wireguard-go') : started;
}

interface Keys {
  readonly privateKey: string;
  readonly publicKey: string;
  readonly presharedKey: string | undefined;
}

/** What was written last and is not read back: keys are random, so that a hash gives nothing away. */
interface Written {
  readonly endpoint: string | null;
  readonly presharedKeyHash: string | null;
}

async function tell(
  { folder, tool }: WireguardPlace,
  link: WireguardLinkIntent,
  keys: Keys,
  { wireguard, isLost }: WireguardFound,
): Promise<Result<void, string>> {
  const file = wireguardFiles(folder, link.interfaceName).written;
  const before = parseWritten(await readText(file));
  const now: Written = { endpoint: writtenEndpoint(link) ?? null, presharedKeyHash: hashOf(keys.presharedKey) };
  const own = { publicKey: keys.publicKey, fwmark: markBits.outer };
  const heardAt = wireguard?.peers.find(({ publicKey }) => publicKey === link.peer.publicKey)?.endpoint;
  const isAstray = isLost && now.endpoint !== null && heardAt !== now.endpoint;
  const isAsWritten = before?.endpoint === now.endpoint && before.presharedKeyHash === now.presharedKeyHash;
  if (wireguard && holdsWireguard(wireguard, link, own) && isAsWritten && !isAstray) return ok(undefined);
  const keepsEndpoint = heardAt !== undefined && before?.endpoint === now.endpoint && !isAstray;
  const endpoint = keepsEndpoint ? 'as-heard' : 'as-written';
  const told = await tool.configure(link.interfaceName, printWireguard(link, keys, { fwmark: own.fwmark, endpoint }));
  if (told.ok) await writeFileAtomically(file, `${JSON.stringify(now)}\n`);
  else if (told.error.includes('Address already in use')) {
    return err(`UDP port ${link.listenPort} is in use already: write another listenPort, or end what has it`);
  }
  return told;
}

function parseWritten(text: string | undefined): Written | undefined {
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text) as Written;
  } catch {
    return undefined; // then all of it is written again
  }
}

function hashOf(key: string | undefined): string | null {
  return key === undefined ? null : createHash('sha256').update(key).digest('hex');
}
