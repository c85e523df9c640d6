/**
 * The driver of IPsec tunnels.
 *
 *   IpsecTunnelIntent[] ─[ensure]→ charons, devices ─[list-sas]→ LinkReport[];   charon's events ─▶ device up or down, onChange
 *
 * Where the kernel does ESP, one charon serves all tunnels but those with UDP ports of their own, each with an XFRM interface. Where
 * it does not, each tunnel has a charon that does: one of them could not tell apart tunnels that all carry everything.
 * Invariant: a device is up only while its tunnel is. What runs outlives us, and a successor finds it; one tunnel's failure holds
 * up no other.
 */
import { mkdir } from 'node:fs/promises';
import type { IpsecTunnelIntent } from '../../intent/links/links-intent.ts';
import { charonConfig, deadAfter, standardPorts } from '../../links/ipsec/charon-config.ts';
import { compileConnection, type EspPlace, sharesIdentities } from '../../links/ipsec/connection.ts';
import { reportIpsecFailed, reportTunnel } from '../../links/ipsec/report.ts';
import { assignPorts, hasWrittenPort, type PortChoice } from '../../links/ipsec/tunnel-ports.ts';
import type { LinkDriver } from '../../links/link-driver.ts';
import { type LinkReport, reportLeft } from '../../links/link-report.ts';
import { uncarriedTunnels } from '../../links/underlay-carrier.ts';
import { err, ok, type Result } from '../../result.ts';
import { readText } from '../bird-files.ts';
import { fewAtOnce } from '../few-at-once.ts';
import { type InTurn, oneAtATime } from '../one-at-a-time.ts';
import { type Charon, createCharon } from './charon.ts';
import { charonFiles, findCharons, startedCharons, tunOf } from './charon-process.ts';
import { dropUnusedRule } from './charon-rule.ts';
import { certificateProblem, certificatesUntil, credentialProblem } from './ipsec-certificate.ts';
import {
  abandonedDevices,
  bringTun,
  bringXfrm,
  findEsp,
  isSeated,
  settleDevice,
  type TunSeat,
} from './ipsec-device.ts';
import { attachmentOf, createNetDevices, type NetDevice } from './netdevices.ts';

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

/** The charon of many tunnels: longer than a device's name can be. */
const sharedCharon = 'charon-of-kernel';
/** Charons that are started or ended at a time. */
const changesAtOnce = 8;

interface Served {
  readonly charon: Charon;
  /** Its device, once that is in its place. */
  tun: TunSeat | undefined;
  /** Work on it, one after the other. */
  readonly inTurn: InTurn;
}

export function createIpsecDriver(options: IpsecDriverOptions): LinkDriver<IpsecTunnelIntent> {
  const { router, dir, outerMark, launcher = [] } = options;
  const devices = createNetDevices({ launcher });
  const served = new Map<string, Served>();
  const listeners = new Set<() => void>();
  let running: Map<string, number> | undefined;
  let esp: Esp | undefined;
  let kept: readonly IpsecTunnelIntent[] = [];
  /** Those whose underlay was down when devices were last looked at, and why they are. */
  let uncarried: ReadonlyMap<string, string> = new Map();

  const isShared = (tunnel: IpsecTunnelIntent): boolean => esp === 'kernel' && !hasWrittenPort(tunnel);
  const charonOf = (tunnel: IpsecTunnelIntent): string => (isShared(tunnel) ? sharedCharon : tunnel.interfaceName);

  function serve(name: string): Served {
    const known = served.get(name);
    if (known) return known;
    const charon = createCharon({
      files: charonFiles(dir, name),
      launcher,
      found: running?.get(name),
      only: name === sharedCharon ? undefined : name,
      onChange: (tunnel) => void follow(name, tunnel),
    });
    const fresh: Served = { charon, tun: undefined, inTurn: oneAtATime() };
    served.set(name, fresh);
    return fresh;
  }

  /** A charon said that something changed, or nothing any more: the device first, then whoever listens. */
  async function follow(charonName: string, tunnelName: string | undefined): Promise<void> {
    const one = served.get(charonName);
    const tunnels = kept.filter(
      (tunnel) => charonOf(tunnel) === charonName && (tunnelName ?? tunnel.interfaceName) === tunnel.interfaceName,
    );
    if (!one || tunnels.length === 0) return;
    // Whoever left asks no more, and what it asked before was not answered: what is up stays up.
    const hasLeft = (): boolean => served.get(charonName) !== one;
    await one.inTurn(async () => {
      for (const { interfaceName } of tunnels) {
        if (hasLeft()) return;
        const seen = await one.charon.associations(interfaceName);
        if (hasLeft()) return;
        // A TUN device is gone with its charon, which is no failure here.
        await devices.setUp(interfaceName, seen.ok && seen.value.isUp && !uncarried.has(interfaceName));
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

  /** Takes away what is wanted no more, and gives what cannot be. */
  async function sweep(
    tunnels: readonly IpsecTunnelIntent[],
    there: ReadonlyMap<string, NetDevice>,
  ): Promise<readonly LinkReport[]> {
    const left: LinkReport[] = [];
    const leave = (interfaceName: string, why: string): void => {
      const device = there.get(interfaceName);
      const attachment = (device && attachmentOf(device)) ?? '-';
      left.push(reportLeft({ attachment, interfaceName, kind: 'ipsec' }, why));
    };
    const names = new Set(tunnels.map(charonOf));
    const started = new Set([...(running?.keys() ?? []), ...(await startedCharons(dir)), ...served.keys()]);
    await fewAtOnce(
      changesAtOnce,
      [...started].filter((name) => !names.has(name)),
      async (name) => {
        const one = serve(name);
        const ended = await one.inTurn(() => one.charon.end()).catch((error: Error) => err(error.message));
        if (!ended.ok) return leave(name, ended.error);
        served.delete(name);
        running?.delete(name);
      },
    );
    const wanted = new Set(tunnels.map(({ interfaceName }) => interfaceName));
    const files = [...names].map((name) => charonFiles(dir, name));
    for (const name of await abandonedDevices({ router, devices, there }, wanted, files)) {
      const removed = await devices.remove(name);
      if (!removed.ok) leave(name, removed.error.message);
    }
    if (names.has(sharedCharon) && running?.has(sharedCharon)) {
      const one = serve(sharedCharon);
      const its = new Set(tunnels.filter(isShared).map(({ interfaceName }) => interfaceName));
      const done = await one.inTurn(() => one.charon.keepOnly(its));
      if (!done.ok) leave(sharedCharon, done.error);
    }
    return left;
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
      const { by, port } = choice;
      return fail(
        port === undefined
          ? `${by} has UDP ports 500 and 4500: give this tunnel a localPort, or let this router initiate it`
          : `${by} has UDP port ${port} already: give this tunnel another localPort`,
      );
    }
    const ports = choice?.ports ?? standardPorts;
    const hasStandardPorts = ports.ike === standardPorts.ike;
    const beside = isShared(tunnel) ? all.filter((other) => other !== tunnel && isShared(other)) : [];
    const espPlace: EspPlace = {
      hasStandardPorts,
      sharesIdentities: beside.some((other) => sharesIdentities(tunnel, other)),
      ...(where === 'kernel' ? { kind: where, outerMark } : { kind: where }),
    };
    const compiled = compileConnection(tunnel, secrets, espPlace);
    if (!compiled.ok) return fail(compiled.error);
    const credential = credentialProblem(tunnel, secrets);
    if (credential !== undefined) return fail(credential);
    const one = serve(charonOf(tunnel));
    const { charon } = one;
    const files = charonFiles(dir, charonOf(tunnel));
    const config = charonConfig({
      esp: where,
      ports,
      outerMark,
      deadAfter: deadAfter(isShared(tunnel) ? all.filter(isShared) : [tunnel]),
      socket: files.socket,
      log: files.log,
    });
    return one.inTurn(async () => {
      const pid = await runWithDevice(where, one, config, there);
      if (!pid.ok) return fail(pid.error);
      // What was read before is not true any more where a charon took its TUN device along.
      const isNew = running?.get(charonOf(tunnel)) !== pid.value;
      const now = isNew ? await readDevices() : ok(there);
      if (!now.ok) return fail(now.error);
      running?.set(charonOf(tunnel), pid.value);
      const place = { router, devices, there: now.value };
      if (where === 'kernel') {
        const brought = await bringXfrm(place, tunnel);
        if (!brought.ok) return fail(brought.error);
      } else if (!isSeated(place, one.tun, pid.value)) {
        const brought = await bringTun(place, tunnel, files, pid.value);
        if (!brought.ok) return fail(brought.error);
        one.tun = brought.value;
      }
      const told = await charon.tell({ name, connection: compiled.value, initiates: tunnel.initiates });
      if (!told.ok) return fail(told.error);
      const seen = await charon.associations(name);
      if (!seen.ok) return fail(seen.error);
      const notCarried = uncarried.get(name);
      const isUp = seen.value.isUp && notCarried === undefined;
      const settled = await settleDevice(place, tunnel, where, isUp, now.value.get(name));
      if (!settled.ok) return fail(settled.error);
      const why = notCarried ?? certificateProblem(tunnel, secrets, Date.now()) ?? charon.failure(name);
      const until = certificatesUntil(tunnel, secrets);
      return reportTunnel(tunnel, driverName(where), settled.value, { ...seen.value, isUp }, why, until);
    });
  }

  /** A charon whose TUN device was deleted makes no other one. */
  async function runWithDevice(
    where: Esp,
    { charon, tun }: Served,
    config: string,
    there: ReadonlyMap<string, NetDevice>,
  ): Promise<Result<number, string>> {
    const pid = await charon.run(config);
    if (!pid.ok || where === 'kernel' || isSeated({ router, there }, tun, pid.value)) return pid;
    if ((await tunOf(pid.value)) !== undefined) return pid;
    const ended = await charon.end();
    return ended.ok ? charon.run(config) : ended;
  }

  /** Those of a predecessor, which may have had no time to take charon's rule away. */
  async function findRunning(): Promise<Map<string, number>> {
    const found = await findCharons(dir);
    if (found.size > 0) await dropUnusedRule(launcher);
    return found;
  }

  return {
    async ensure(tunnels, secrets, sweeps = true) {
      await mkdir(dir, { recursive: true, mode: 0o700 });
      running ??= await findRunning();
      if (esp === undefined) {
        const found = await findEsp();
        if (!found.ok) throw new Error(found.error);
        esp = found.value;
      }
      const read = await readDevices();
      if (!read.ok) throw new Error(read.error);
      kept = tunnels;
      uncarried = uncarriedTunnels(tunnels, read.value);
      const left = sweeps ? await sweep(tunnels, read.value) : [];
      const where = esp;
      const ports =
        where === 'kernel'
          ? assignPorts(tunnels.filter(hasWrittenPort), sharedCharon, true)
          : assignPorts(tunnels, await standardPortsHolder());
      const reports = await fewAtOnce(changesAtOnce, tunnels, (tunnel) =>
        // A disk that is full, a folder that is gone: of this tunnel alone.
        bring(where, tunnel, ports.get(tunnel.interfaceName), tunnels, secrets, read.value).catch((error: Error) =>
          reportIpsecFailed(tunnel, driverName(where), error.message),
        ),
      );
      return [...reports, ...left];
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
