/**
 * The driver of links over devices that somebody else made.
 *
 *   DeviceLink[] ─[ensure]→ MTU of the device ─[read]→ LinkReport[]
 *
 * Invariant: nothing but the MTU is ever changed, and that only where one is asked for. It stays when the link goes: what it was
 * before may be what nobody wants any more.
 */
import type { DeviceLink } from '../../intent/links/links-intent.ts';
import type { LinkDriver } from '../../links/link-driver.ts';
import type { LinkReport } from '../../links/link-report.ts';
import { type LineChild, openLineChild } from '../line-child.ts';
import type { NetDevice, NetDevices } from './netdevices.ts';

export function createDeviceLinks(devices: Pick<NetDevices, 'read' | 'configure'>): LinkDriver<DeviceLink> {
  let kept: ReadonlySet<string> = new Set();
  const listeners = new Set<() => void>();
  let monitor: LineChild | undefined;

  /** Carriers come and go without a word to anybody else. A router without such links has no use for it. */
  function listen(): void {
    if (kept.size === 0 || listeners.size === 0) {
      monitor?.close();
      monitor = undefined;
      return;
    }
    const ring = (): void => {
      for (const listener of listeners) listener();
    };
    monitor ??= openLineChild(
      'ip',
      ['-o', 'monitor', 'link'],
      (line) => {
        const name = /^(?:Deleted )?\d+: ([^@:]+)/.exec(line)?.[1];
        if (name !== undefined && kept.has(name)) ring();
      },
      ring,
    );
  }

  async function readDevices(): Promise<ReadonlyMap<string, NetDevice>> {
    const read = await devices.read();
    if (!read.ok) throw new Error(read.error.message);
    return new Map(read.value.map((device) => [device.name, device]));
  }

  /** Why it could not be set; undefined where it is as asked for. */
  async function setMtu(
    { interfaceName, mtu }: DeviceLink,
    device: NetDevice | undefined,
  ): Promise<string | undefined> {
    if (mtu === undefined || device === undefined || device.mtu === mtu) return undefined;
    const set = await devices.configure(interfaceName, { mtu }, device);
    return set.ok ? undefined : `its MTU cannot be ${mtu}: ${set.error.message}`;
  }

  return {
    async ensure(links) {
      kept = new Set(links.map(({ interfaceName }) => interfaceName));
      listen();
      if (links.length === 0) return [];
      const before = await readDevices();
      const refusals = await Promise.all(links.map((link) => setMtu(link, before.get(link.interfaceName))));
      const isChanged = links.some(
        ({ interfaceName, mtu }) => mtu !== undefined && before.get(interfaceName)?.mtu !== mtu,
      );
      const after = isChanged ? await readDevices() : before;
      return links.map((link, i) => reportOf(link, after.get(link.interfaceName), refusals[i]));
    },
    watch(onChange) {
      listeners.add(onChange);
      listen();
      return {
        close() {
          listeners.delete(onChange);
          listen();
        },
      };
    },
    leave: () => undefined,
  };
}

function reportOf(link: DeviceLink, device: NetDevice | undefined, refusal: string | undefined): LinkReport {
  const { attachment, interfaceName } = link;
  const base = { attachment, interfaceName, kind: 'interface', mtu: device?.mtu ?? null } as const;
  const problem = (state: 'down' | 'failed', reason: string): LinkReport => ({
    ...base,
    driver: 'device',
    state,
    reason,
  });
  if (device === undefined)
    return problem('failed', `there is no device ${interfaceName}: it is to be made outside Causeway`);
  if (refusal !== undefined) return problem('failed', refusal);
  if (!device.isUp) return problem('down', `it is switched off: ip link set ${interfaceName} up`);
  if (!device.hasCarrier) return problem('down', 'it has no carrier: look at the cable, or at the other end');
  return { ...base, driver: 'device', state: 'up', reason: null };
}
