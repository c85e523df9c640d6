/**
 * The driver of WireGuard links.
 *
 *   WireguardLinkIntent[] ─[ensure]→ devices, wg, wireguard-go ─[one reading a second]→ Liveness ─▶ inside addresses, LinkReport[]
 *
 * A WireGuard device that is down hears no handshake, so a tunnel that is lost would stay lost: its device stays up and loses its
 * inside addresses instead, with which BIRD's session and its static routes fall as surely. Without keepalives nothing but
 * traffic begins a handshake, so there the addresses stay, and a lost tunnel is found by BFD or the hold timer. A tunnel whose
 * underlay is seen to be down is lost at once, and found again when that is up.
 * Invariant: what runs outlives us, and a successor finds it; keys stay when a link goes, since its peer knows them: a link that
 * comes back, or was miswritten for a moment, is the same link.
 */
import { mkdir } from 'node:fs/promises';
import type { WireguardLinkIntent } from '../../intent/links/links-intent.ts';
import type { LinkDriver } from '../../links/link-driver.ts';
import { type LinkReport, reportLeft } from '../../links/link-report.ts';
import { uncarriedTunnels } from '../../links/underlay-carrier.ts';
import { firstSight, followPeer, type Liveness } from '../../links/wireguard/liveness.ts';
import type { WireguardDevice, WireguardPeer } from '../../links/wireguard/read.ts';
import { reportFailed, reportWireguard } from '../../links/wireguard/report.ts';
import { err, ok, type Result } from '../../result.ts';
import { oneAtATime } from '../one-at-a-time.ts';
import { aliasOf, attachmentOf, createNetDevices, type NetDevice } from './netdevices.ts';
import {
  type BringAboutError,
  type BroughtAbout,
  bringAbout,
  isOwnKernelDevice,
  takeAway,
  type WireguardPlace,
} from './wireguard-device.ts';
import { startedDevices } from './wireguard-folder.ts';
import { killWireguardGo } from './wireguard-process.ts';
import { createWireguardTool } from './wireguard-tool.ts';

export interface WireguardDriverOptions {
  readonly router: string;
  /** For what runs: control sockets, pid files, logs. */
  readonly dir: string;
  /** For private keys, which outlive the machine's restart. */
  readonly keyDir: string;
  /** Program and arguments to put before every command, such as `ip netns exec r1`; for tests. */
  readonly launcher?: readonly string[];
}

const readingMs = 1000;

interface Reading {
  readonly devices: ReadonlyMap<string, NetDevice>;
  readonly wireguard: ReadonlyMap<string, WireguardDevice>;
}

export function createWireguardDriver(options: WireguardDriverOptions): LinkDriver<WireguardLinkIntent> {
  const { router, dir, keyDir, launcher = [] } = options;
  const folder = { dir, launcher };
  const tool = createWireguardTool(folder);
  const devices = createNetDevices({ launcher });
  const place: WireguardPlace = { folder, keyDir, router, devices, tool };
  /** Those that were brought about. */
  let kept: readonly WireguardLinkIntent[] = [];
  const livenesses = new Map<string, Liveness>();
  /** Tunnels whose underlay was down when devices were last looked at. */
  let uncarried: ReadonlyMap<string, string> = new Map();

  /** One thing after the other: a reading in the middle of a change would be taken for the peer's doing. */
  const inTurn = oneAtATime();

  async function readWireguard(): Promise<Result<readonly WireguardDevice[], string>> {
    const told = await tool.read();
    if (told.ok) return told;
    // One daemon that hangs must not hide the others: it is ended, missed, and started again.
    for (const name of await startedDevices(folder)) if (await tool.hangs(name)) await killWireguardGo(folder, name);
    return tool.read();
  }

  async function read(): Promise<Result<Reading, string>> {
    const told = await readWireguard();
    if (!told.ok) return told;
    const there = await devices.read();
    if (!there.ok) return err(there.error.message);
    return ok({ devices: byName(there.value, 'name'), wireguard: byName(told.value, 'interfaceName') });
  }

  /** Gives those that cannot be taken away. `wg` is not needed for it. */
  async function sweep(wanted: ReadonlySet<string>): Promise<readonly LinkReport[]> {
    const read = await devices.read();
    if (!read.ok) throw new Error(read.error.message);
    const there = byName(read.value, 'name');
    const own = read.value.filter((device) => isOwnKernelDevice(router, device)).map(({ name }) => name);
    const left: LinkReport[] = [];
    for (const interfaceName of new Set([...(await startedDevices(folder)), ...own])) {
      if (wanted.has(interfaceName)) continue;
      const device = there.get(interfaceName);
      const taken = await takeAway(place, interfaceName, device);
      const attachment = (device && attachmentOf(device)) ?? '-';
      if (!taken.ok) left.push(reportLeft({ attachment, interfaceName, kind: 'wireguard' }, taken.error));
    }
    for (const name of livenesses.keys()) if (!wanted.has(name)) livenesses.delete(name);
    return left;
  }

  /** The tunnel as it is now; undefined where its device or its peer is not there. */
  function look(link: WireguardLinkIntent, device: WireguardDevice | undefined): WireguardPeer | undefined {
    const peer = device?.peers.find(({ publicKey }) => publicKey === link.peer.publicKey);
    const before = livenesses.get(link.interfaceName);
    if (!peer) livenesses.delete(link.interfaceName);
    else if (before) livenesses.set(link.interfaceName, followPeer(before, peer, performance.now() / 1000));
    else livenesses.set(link.interfaceName, firstSight(peer, Date.now() / 1000));
    return peer;
  }

  function isHeard({ interfaceName }: WireguardLinkIntent): boolean {
    return livenesses.get(interfaceName)?.isUp === true;
  }

  function isCarried({ interfaceName }: WireguardLinkIntent): boolean {
    return !uncarried.has(interfaceName);
  }

  async function settle(link: WireguardLinkIntent, seen?: NetDevice): Promise<Result<void, string>> {
    const hasAddresses = isCarried(link) && (isHeard(link) || link.peer.keepalive === 0);
    const { interfaceName, attachment, mtu } = link;
    const alias = aliasOf(router, attachment);
    const addresses = hasAddresses ? link.addresses : [];
    const settled = await devices.configure(interfaceName, { alias, mtu, addresses, isUp: true }, seen);
    return settled.ok ? ok(undefined) : err(settled.error.message);
  }

  async function bring(
    link: WireguardLinkIntent,
    secrets: ReadonlyMap<string, string>,
    { devices: there, wireguard }: Reading,
  ): Promise<Result<BroughtAbout, BringAboutError>> {
    const name = link.interfaceName;
    const found = { device: there.get(name), wireguard: wireguard.get(name), isLost: !isHeard(link) };
    try {
      const brought = await bringAbout(place, link, secrets, found);
      if (!brought.ok && brought.error.kind === 'keys') await takeAway(place, name, found.device);
      return brought;
    } catch (error) {
      // A disk that is full, a folder that is gone: of this link alone.
      return err({ kind: 'device', reason: (error as Error).message, publicKey: null });
    }
  }

  async function report(
    link: WireguardLinkIntent,
    brought: Awaited<ReturnType<typeof bring>>,
    { devices: there, wireguard }: Reading,
  ): Promise<LinkReport> {
    if (!brought.ok) return reportFailed(link, brought.error.reason, brought.error.publicKey);
    const { driver, publicKey } = brought.value;
    const peer = look(link, wireguard.get(link.interfaceName));
    const liveness = livenesses.get(link.interfaceName);
    if (!peer || !liveness) return reportFailed(link, 'its device was gone again at once', publicKey);
    const seen = there.get(link.interfaceName);
    const settled = await settle(link, seen);
    if (!settled.ok) return reportFailed(link, settled.error, publicKey);
    const mtu = link.mtu ?? seen?.mtu ?? null;
    return reportWireguard(link, {
      driver,
      publicKey,
      peer,
      liveness,
      notCarried: uncarried.get(link.interfaceName),
      mtu,
    });
  }

  async function ensure(
    links: readonly WireguardLinkIntent[],
    secrets: ReadonlyMap<string, string>,
    sweeps: boolean,
  ): Promise<readonly LinkReport[]> {
    await mkdir(dir, { recursive: true, mode: 0o700 });
    const left = sweeps ? await sweep(new Set(links.map(({ interfaceName }) => interfaceName))) : [];
    if (links.length === 0) {
      kept = [];
      return left;
    }
    const before = await read();
    if (!before.ok) return [...links.map((link) => reportFailed(link, before.error, null)), ...left];
    const brought = new Map<WireguardLinkIntent, Awaited<ReturnType<typeof bring>>>();
    for (const link of links) {
      look(link, before.value.wireguard.get(link.interfaceName));
      brought.set(link, await bring(link, secrets, before.value));
    }
    kept = links.filter((link) => brought.get(link)?.ok);
    const after = await read();
    if (!after.ok) return [...links.map((link) => reportFailed(link, after.error, null)), ...left];
    uncarried = uncarriedTunnels(links, after.value.devices);
    const reports: LinkReport[] = [];
    for (const [link, result] of brought) reports.push(await report(link, result, after.value));
    return [...reports, ...left];
  }

  /** Whether a tunnel came up, was lost or is gone. */
  async function follow(): Promise<boolean> {
    if (kept.length === 0) return false;
    const told = await readWireguard();
    if (!told.ok) return false;
    const wireguard = byName(told.value, 'interfaceName');
    let isChanged = false;
    for (const link of kept) {
      const wasHeard = isHeard(link);
      const peer = look(link, wireguard.get(link.interfaceName));
      if (peer && wasHeard === isHeard(link)) continue;
      isChanged = true;
      // A daemon that died took its device along; telling it once is enough.
      if (peer) await settle(link);
      else kept = kept.filter((other) => other !== link);
    }
    return isChanged;
  }

  const open = new Set<{ close(): void }>();

  return {
    ensure: (links, secrets, sweeps = true) => inTurn(() => ensure(links, secrets, sweeps)),
    watch(onChange) {
      let timer: NodeJS.Timeout | undefined;
      const watching = {
        close() {
          clearTimeout(timer);
          open.delete(watching);
        },
      };
      const tick = async (): Promise<void> => {
        const isChanged = await inTurn(follow);
        if (!open.has(watching)) return;
        if (isChanged) onChange();
        timer = setTimeout(tick, readingMs);
      };
      open.add(watching);
      timer = setTimeout(tick, readingMs);
      return watching;
    },
    leave() {
      for (const watching of open) watching.close();
    },
  };
}

function byName<K extends string, T extends Readonly<Record<K, string>>>(
  items: readonly T[],
  key: K,
): ReadonlyMap<string, T> {
  return new Map(items.map((item) => [item[key], item]));
}
