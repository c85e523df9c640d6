/**
 * The Linux host a router runs on: interfaces, routes and forwarding, by `ip` and /proc/sys.
 *
 * Implements agent/ports.ts Host, in the network namespace of this process. `ip monitor` only rings the bell: iproute2's
 * monitor has no JSON form (6.1), so state is always read back with `ip -json`.
 */
import { readFile, writeFile } from 'node:fs/promises';
import type { Host, HostChange, HostError, KernelRoute } from '../agent/ports.ts';
import type { InterfaceFacts } from '../intent/policy/policy-intent.ts';
import type { IpRoute } from '../links/ip-route.ts';
import { type Family, families } from '../net/address.ts';
import { type InterfaceAddress, parseAddressOrCidr, parseCidr, printPrefix } from '../net/prefix.ts';
import { err, ok, type Result } from '../result.ts';
import { confine, isConfinementLost } from './confinement.ts';
import { openLineChild } from './line-child.ts';
import { printProgramError, runProgram } from './run-program.ts';
import { readTraffic } from './traffic-counters.ts';

/** Quiet time after a change before it is reported, so that a burst rings once. */
const settleMs = 100;
/** Between two looks for routes that somebody deleted: each reads all of BIRD's, and whenever a peer withdraws its own are deleted. */
const routeCheckMs = 5_000;

export function createLinuxHost(): Host {
  return {
    interfaces: readInterfaces,
    setForwarding,
    confine,
    routes: readRoutes,
    traffic: readTraffic,
    watch: watchHost,
  };
}

async function readInterfaces(): Promise<Result<readonly InterfaceFacts[], HostError>> {
  const output = await ipJson(['addr', 'show']);
  if (!output.ok) return output;
  const links = output.value as readonly {
    ifname?: string;
    mtu?: number;
    addr_info?: readonly { local?: string; prefixlen?: number }[];
  }[];
  return ok(
    links
      .filter((link) => link.ifname !== undefined)
      .map((link) => ({
        name: link.ifname ?? '',
        ...(link.mtu === undefined ? {} : { mtu: link.mtu }),
        addresses: (link.addr_info ?? [])
          .map((address) => parseCidr(`${address.local}/${address.prefixlen}`))
          .filter((address): address is InterfaceAddress => address !== undefined),
      }))
      .sort((a, b) => (a.name < b.name ? -1 : 1)),
  );
}

async function readRoutes(): Promise<Result<readonly KernelRoute[], HostError>> {
  const routes: KernelRoute[] = [];
  for (const family of families) {
    const output = await ipJson([`-${family}`, 'route', 'show', 'table', 'main']);
    if (!output.ok) return output;
    for (const route of output.value as readonly IpRoute[]) {
      const parsed = parseRoute(route, family);
      if (parsed) routes.push(parsed);
    }
  }
  return ok(routes);
}

function parseRoute(route: IpRoute, family: Family): KernelRoute | undefined {
  const prefix = parseAddressOrCidr(route.dst === 'default' ? (family === 4 ? '0.0.0.0/0' : '::/0') : route.dst);
  if (!prefix) return undefined;
  return {
    family,
    prefix: printPrefix(prefix),
    nextHops: (route.nexthops ?? [route]).map((hop) => ({ gateway: hop.gateway ?? hop.via?.host, device: hop.dev })),
    protocol: route.protocol ?? 'kernel',
    metric: route.metric ?? 0,
  };
}

const forwardingFiles = ['/proc/sys/net/ipv4/ip_forward', '/proc/sys/net/ipv6/conf/all/forwarding'];

async function setForwarding(on: boolean): Promise<Result<boolean, HostError>> {
  const wanted = on ? '1' : '0';
  let hasChanged = false;
  for (const file of forwardingFiles) {
    try {
      if ((await readFile(file, 'utf8')).trim() === wanted) continue;
      await writeFile(file, wanted);
      hasChanged = true;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') continue; // a kernel without that family
      return err({ kind: 'not-permitted', subject: file, message: (error as Error).message });
    }
  }
  return ok(hasChanged);
}

function watchHost(onChange: (change: HostChange) => void): { close(): void } {
  const interfaces = createBell(settleMs, () => onChange('interfaces'));
  const confinement = createBell(settleMs, () => onChange('confinement'));
  const deleted = createBell(routeCheckMs, () => onChange('route-deleted'));
  const child = openLineChild(
    'ip',
    ['-o', 'monitor', 'link', 'address', 'route', 'rule'],
    (line) => {
      if (/ lookup \S| table \d+ /.test(line)) {
        if (isConfinementLost(line)) confinement.ring();
      } else if (/\bproto bird\b/.test(line)) {
        if (line.startsWith('Deleted ')) deleted.ring();
      } else if (/^(Deleted )?\d+: /.test(line)) interfaces.ring();
    },
    () => {
      interfaces.ring();
      deleted.ring();
      confinement.ring();
    },
  );
  return {
    close() {
      interfaces.close();
      deleted.close();
      confinement.close();
      child.close();
    },
  };
}

/** Sounds a moment after it was rung, once for all rings in between, and not again before the pause is over. */
function createBell(pauseMs: number, sound: () => void): { ring(): void; close(): void } {
  let timer: NodeJS.Timeout | undefined;
  let soundedAt = Number.NEGATIVE_INFINITY;
  return {
    ring() {
      timer ??= setTimeout(
        () => {
          timer = undefined;
          soundedAt = performance.now();
          sound();
        },
        Math.max(settleMs, soundedAt + pauseMs - performance.now()),
      );
    },
    close: () => clearTimeout(timer),
  };
}

async function ipJson(args: readonly string[]): Promise<Result<unknown, HostError>> {
  const output = await runProgram('ip', ['-json', ...args]);
  if (!output.ok) {
    const kind = output.error.kind === 'missing-program' ? 'missing-program' : 'failed';
    return err({ kind, subject: 'ip', message: printProgramError(output.error) });
  }
  if (output.value.exitCode !== 0) return err({ kind: 'failed', subject: 'ip', message: output.value.stderr.trim() });
  try {
    return ok(output.value.stdout.trim() === '' ? [] : JSON.parse(output.value.stdout));
  } catch {
    return err({ kind: 'failed', subject: 'ip', message: `not JSON: ${output.value.stdout.slice(0, 80)}` });
  }
}
