/**
 * The driver of IPsec tunnels.
 *
 *   IpsecTunnelIntent[] ─[ensure]→ charons, devices ─[list-sas]→ LinkReport[];   charon's events ─▶ device up or down, onChange
 *
 * Where the kernel does ESP, one charon serves all tunnels, each with an XFRM interface of its own. Where it does not, each
 * tunnel has a charon that does: one of them could not tell apart tunnels that all carry everything.
 * Invariant: a device is up only while its tunnel is. What runs outlives us, and a successor finds it; one tunnel's failure holds
 * up no other.
 */
import { mkdir } from 'node:fs/promises';
import type { IpsecTunnelIntent } from '../../intent/links/links-intent.ts';
import { charonConfig, deadAfter, standardPorts } from '../../links/ipsec/charon-config.ts';
import { compileConnection, type EspPlace } from '../../links/ipsec/connection.ts';
import { reportIpsecFailed, reportTunnel } from '../../links/ipsec/report.ts';
import { assignPorts, type PortChoice } from '../../links/ipsec/tunnel-ports.ts';
import type { LinkDriver } from '../../links/link-driver.ts';
import type { LinkReport } from '../../links/link-report.ts';
import { err, ok, type Result } from '../../result.ts';
import { readText } from '../bird-files.ts';
import { type Charon, createCharon } from './charon.ts';
import { charonFiles, findCharons, startedCharons } from './charon-process.ts';
import { certificateProblem } from './ipsec-certificate.ts';
import { abandonedDevices, bringTun, bringXfrm, findEsp, settleDevice } from './ipsec-device.ts';
import { createNetDevices, type NetDevice } from './netdevices.ts';

export interface IpsecDriverOptions {
  readonly router: string;
  /** For configurations, sockets and logs of charons. */
  readonly dir: string;
  /** The mark of outer packets. */
  readonly outerMark: number;
  /** Program and arguments to put before every command, such as `ip netns exec r1`; for tests. */
  readonly launcher?: readonly string[];
}

type Esp = 'kernel' | 'userspace';

/** The charon of all tunnels: longer than a device's name can be. */
const sharedCharon = 'charon-of-kernel';
/** Charons that are started at a time. */
const startsAtOnce = 8;

interface Served {
  readonly charon: Charon;
  /** Work on it, one after the other. */
  last: Promise<unknown>;
}

export function createIpsecDriver(options: IpsecDriverOptions): LinkDriver<IpsecTunnelIntent> {
  const { router, dir, outerMark, launcher = [] } = options;
  const devices = createNetDevices({ launcher });
  const served = new Map<string, Served>();
  const listeners = new Set<() => void>();
  let running: Map<string, number> | undefined;
  let esp: Esp | undefined;
  let kept: readonly IpsecTunnelIntent[] = [];

  const charonOf = ({ interfaceName }: IpsecTunnelIntent): string => (esp === 'kernel' ? sharedCharon : interfaceName);

  function serve(name: string): Served {
    const known = served.get(name);
    if (known) return known;
    const files = charonFiles(dir, name);
    const charon = createCharon(files, launcher, running?.get(name), (tunnel) => void follow(name, tunnel));
    const fresh: Served = { charon, last: Promise.resolve() };
    served.set(name, fresh);
    return fresh;
  }

  function inTurn<T>(one: Served, work: () => Promise<T>): Promise<T> {
    const turn = one.last.then(work);
    one.last = turn.catch(() => undefined);
    return turn;
  }

  /** A charon said that something changed: the device first, then whoever listens. */
  async function follow(charonName: string, tunnelName: string | undefined): Promise<void> {
    const one = served.get(charonName);
    const tunnels = kept.filter(
      (tunnel) => charonOf(tunnel) === charonName && (tunnelName ?? tunnel.interfaceName) === tunnel.interfaceName,
    );
    if (!one || tunnels.length === 0) return;
    await inTurn(one, async () => {
      for (const { interfaceName } of tunnels) {
        const seen = await (tunnelName === undefined ? err('it ended') : one.charon.associations(interfaceName));
        // A TUN device is gone with its charon, which is no failure here.
        await devices.setUp(interfaceName, seen.ok && seen.value.isUp);
      }
    });
    for (const listener of listeners) listener();
  }

  async function standardPortsHolder(): Promise<string | undefined> {
    for (const name of running?.keys() ?? []) {
      const config = await readText(charonFiles(dir, name).config);
      if (config?.includes(`port = ${standardPorts.ike}\n`)) return name;
    }
    return undefined;
  }

  /** Takes away what is wanted no more. */
  async function sweep(tunnels: readonly IpsecTunnelIntent[], there: ReadonlyMap<string, NetDevice>): Promise<void> {
    const names = new Set(tunnels.map(charonOf));
    for (const name of new Set([...(running?.keys() ?? []), ...(await startedCharons(dir)), ...served.keys()])) {
      if (names.has(name)) continue;
      const one = serve(name);
      const ended = await inTurn(one, () => one.charon.end());
      if (ended.ok) {
        served.delete(name);
        running?.delete(name);
      }
    }
    const wanted = new Set(tunnels.map(({ interfaceName }) => interfaceName));
    const files = [...names].map((name) => charonFiles(dir, name));
    for (const name of await abandonedDevices({ router, devices, there }, wanted, files)) await devices.remove(name);
    if (esp === 'kernel' && names.size > 0) {
      const one = serve(sharedCharon);
      if (running?.has(sharedCharon)) await inTurn(one, () => one.charon.keepOnly(wanted));
    }
  }

  async function bring(
    where: Esp,
    tunnel: IpsecTunnelIntent,
    choice: PortChoice | undefined,
    all: readonly IpsecTunnelIntent[],
    secrets: ReadonlyMap<string, string>,
    there: ReadonlyMap<string, NetDevice>,
  ): Promise<LinkReport> {
    const name = tunnel.interfaceName;
    const fail = (reason: string): LinkReport => reportIpsecFailed(tunnel, driverName(where), reason);
    if (choice?.kind === 'taken') {
      return fail(
        `${choice.by} has UDP ports 500 and 4500: give this tunnel a localPort, or let this router initiate it`,
      );
    }
    const ports = choice?.ports ?? standardPorts;
    const hasStandardPorts = ports.ike === standardPorts.ike;
    const espPlace: EspPlace =
      where === 'kernel' ? { kind: 'kernel', outerMark } : { kind: 'userspace', hasStandardPorts };
    const compiled = compileConnection(tunnel, secrets, espPlace);
    if (!compiled.ok) return fail(compiled.error);
    const one = serve(charonOf(tunnel));
    const { charon } = one;
    const files = charonFiles(dir, charonOf(tunnel));
    const config = charonConfig({
      esp: where,
      ports,
      outerMark,
      deadAfter: deadAfter(where === 'kernel' ? all : [tunnel]),
      socket: files.socket,
      log: files.log,
    });
    return inTurn(one, async () => {
      const pid = await charon.run(config);
      if (!pid.ok) return fail(pid.error);
      // What was read before is not true any more where a charon took its TUN device along.
      const isNew = running?.get(charonOf(tunnel)) !== pid.value;
      const now = isNew ? await readDevices() : ok(there);
      if (!now.ok) return fail(now.error);
      running?.set(charonOf(tunnel), pid.value);
      const place = { router, devices, there: now.value };
      const brought =
        where === 'kernel' ? await bringXfrm(place, tunnel) : await bringTun(place, tunnel, files, pid.value);
      if (!brought.ok) return fail(brought.error);
      const told = await charon.tell({ name, connection: compiled.value, initiates: tunnel.initiates });
      if (!told.ok) return fail(told.error);
      const seen = await charon.associations(name);
      if (!seen.ok) return fail(seen.error);
      const settled = await settleDevice(place, tunnel, where, seen.value.isUp, now.value.get(name));
      if (!settled.ok) return fail(settled.error);
      const why = certificateProblem(tunnel, secrets, Date.now()) ?? charon.failure(name);
      return reportTunnel(tunnel, driverName(where), settled.value, seen.value, why);
    });
  }

  return {
    async ensure(tunnels, secrets) {
      await mkdir(dir, { recursive: true, mode: 0o700 });
      running ??= await findCharons(dir);
      if (esp === undefined) {
        const found = await findEsp();
        if (!found.ok) return tunnels.map((tunnel) => reportIpsecFailed(tunnel, null, found.error));
        esp = found.value;
      }
      const read = await readDevices();
      if (!read.ok) return tunnels.map((tunnel) => reportIpsecFailed(tunnel, null, read.error));
      kept = tunnels;
      await sweep(tunnels, read.value);
      const where = esp;
      const ports = where === 'kernel' ? undefined : assignPorts(tunnels, await standardPortsHolder());
      const reports: LinkReport[] = [];
      for (let at = 0; at < tunnels.length; at += startsAtOnce) {
        const some = tunnels.slice(at, at + startsAtOnce);
        const brought = some.map((tunnel) =>
          // A disk that is full, a folder that is gone: of this tunnel alone.
          bring(where, tunnel, ports?.get(tunnel.interfaceName), tunnels, secrets, read.value).catch((error: Error) =>
            reportIpsecFailed(tunnel, driverName(where), error.message),
          ),
        );
        reports.push(...(await Promise.all(brought)));
      }
      return reports;
    },
    watch(onChange) {
      listeners.add(onChange);
      return { close: () => void listeners.delete(onChange) };
    },
    leave() {
      for (const { charon } of served.values()) charon.leave();
      served.clear();
      listeners.clear();
    },
  };

  async function readDevices(): Promise<Result<ReadonlyMap<string, NetDevice>, string>> {
    const read = await devices.read();
    return read.ok ? ok(new Map(read.value.map((device) => [device.name, device]))) : err(read.error.message);
  }
}

function driverName(esp: Esp): 'kernel-xfrm' | 'userspace-esp' {
  return esp === 'kernel' ? 'kernel-xfrm' : 'userspace-esp';
}
