/**
 * Looks at what links need of this host, and at the links that agents report, for `causeway doctor`.
 *
 *   LinkStatus[] ─[checkLinks]─ kernel, programs, echo requests ─▶ Finding[]
 *
 * Invariant: only looks; devices it tries are made in a network namespace that goes with the process that made them.
 */
import { access, constants, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { LinkKind } from '../../intent/links/links-intent.ts';
import type { LinkStatus } from '../../links/link-keeper.ts';
import { type Finding, fine, unseen } from '../finding.ts';
import { printProgramError, runProgram } from '../run-program.ts';
import { checkCertificates } from './certificate-checks.ts';
import { checkPaths } from './path-checks.ts';

/** `links`: of all routers here whose agents answer. */
export async function checkLinks(links: readonly LinkStatus[]): Promise<readonly Finding[]> {
  const used = new Set(links.map(({ kind }) => kind));
  const drivers = await Promise.all(kernelDrivers.map((driver) => checkDriver(driver, used.has(driver.kind))));
  const standIns = kernelDrivers.filter((_, i) => drivers[i]?.found.startsWith(notInKernel)).map(({ kind }) => kind);
  const needs = await Promise.all(
    needed
      .filter(({ kind, isOfStandIn }) => !isOfStandIn || standIns.includes(kind))
      .map((need) => checkNeed(need, links.filter(({ kind }) => kind === need.kind).length)),
  );
  return [
    ...drivers,
    ...needs,
    ...links.map(checkState),
    ...checkCertificates(links, Date.now()),
    ...(await checkPaths(links)),
  ];
}

interface KernelDriver {
  readonly check: string;
  readonly kind: LinkKind;
  /** What has to be there for it: `ip` and its arguments. */
  readonly tries: readonly (readonly string[])[];
  readonly standIn: string;
  readonly fix: string;
}

/** An association that protects nothing: it goes with its namespace. */
const emptyAssociation = [
  ...['xfrm', 'state', 'add', 'src', '192.0.2.1', 'dst', '192.0.2.2', 'proto', 'esp', 'spi', '0x100'],
  ...['mode', 'tunnel', 'aead', 'rfc4106(gcm(aes))', `0x${'0'.repeat(40)}`, '128'],
];

const notInKernel = 'not in this kernel';

const kernelDrivers: readonly KernelDriver[] = [
  {
    check: 'VLAN driver',
    kind: 'vlan',
    // A loopback device carries no tags: a kernel that knows them says so, in other words than one that does not.
    tries: [['link', 'add', 'link', 'lo', 'name', 'probe0', 'type', 'vlan', 'id', '1']],
    standIn: 'tags are set and taken by tc BPF programs',
    fix: 'modprobe 8021q',
  },
  {
    check: 'IPsec driver',
    kind: 'ipsec',
    tries: [['link', 'add', 'name', 'probe0', 'type', 'xfrm', 'if_id', '1'], emptyAssociation],
    standIn: 'ESP is done in user space, by a charon for each tunnel',
    fix: 'modprobe -a xfrm_interface esp4 esp6',
  },
  {
    check: 'WireGuard driver',
    kind: 'wireguard',
    tries: [['link', 'add', 'name', 'probe0', 'type', 'wireguard']],
    standIn: 'wireguard-go does it in user space',
    fix: 'modprobe wireguard',
  },
];

/** What no link uses is no warning, and good to know before one does. */
const unused = 'and no link needs it; for one that does';

async function checkDriver({ check, tries, standIn, fix }: KernelDriver, isUsed: boolean): Promise<Finding> {
  for (const args of tries) {
    const ran = await runProgram('unshare', ['--net', 'ip', ...args], { timeoutMs: 5_000 });
    if (!ran.ok)
      return { check, result: 'warning', found: printProgramError(ran.error), fix: 'apt-get install util-linux' };
    const { stderr } = ran.value;
    if (/^unshare:/m.test(stderr)) return unseen(check, 'this user may not ask the kernel');
    if (/Unknown device type|not supported by|Protocol not supported|not found/.test(stderr)) {
      if (!isUsed) return fine(check, `${notInKernel}, ${unused}, ${standIn}`);
      return { check, result: 'warning', found: `${notInKernel}: ${standIn}, which is slower`, fix };
    }
  }
  return fine(check, 'of the kernel');
}

/** What links of a kind need beside the kernel's driver, or where there is none. */
interface Need {
  readonly check: string;
  readonly kind: LinkKind;
  readonly isOfStandIn: boolean;
  /** What is missing for so many links; undefined where nothing is. */
  missing(links: number): Promise<string | undefined>;
  readonly fix: string;
}

const needed: readonly Need[] = [
  {
    ...{ check: 'charon-systemd', kind: 'ipsec', isOfStandIn: false },
    // Debian's place: not asked for its version, since it knows no such question and would start.
    missing: () => missingFile('/usr/sbin/charon-systemd', constants.X_OK),
    fix: 'apt-get install charon-systemd libcharon-extra-plugins libstrongswan-extra-plugins',
  },
  {
    ...{ check: 'wg', kind: 'wireguard', isOfStandIn: false },
    missing: () => missingProgram('wg'),
    fix: 'apt-get install wireguard-tools',
  },
  {
    ...{ check: 'wireguard-go', kind: 'wireguard', isOfStandIn: true },
    missing: () => missingProgram('wireguard-go'),
    fix: 'apt-get install wireguard-go',
  },
  {
    ...{ check: 'inotify instances', kind: 'wireguard', isOfStandIn: true },
    missing: tooFewInotifyInstances,
    fix: 'sysctl -w fs.inotify.max_user_instances=1024, and the same in /etc/sysctl.d',
  },
  {
    ...{ check: 'tc', kind: 'vlan', isOfStandIn: true },
    missing: () => missingProgram('tc'),
    fix: 'apt-get install iproute2',
  },
  ...(['ipsec', 'wireguard'] as const).map(
    (kind): Need => ({
      ...{ check: `TUN device of ${kind}`, kind, isOfStandIn: true },
      missing: () => missingFile('/dev/net/tun', constants.R_OK | constants.W_OK),
      fix: 'modprobe tun',
    }),
  ),
];

async function checkNeed({ check, missing, fix }: Need, links: number): Promise<Finding> {
  const found = await missing(links);
  if (found === undefined) return fine(check, 'there');
  return links > 0 ? { check, result: 'error', found, fix } : fine(check, `${found}, ${unused}: ${fix}`);
}

async function missingFile(path: string, mode: number): Promise<string | undefined> {
  return (await isThere(path, mode)) ? undefined : `${path} is not there, or not for us`;
}

async function missingProgram(name: string): Promise<string | undefined> {
  const folders = (process.env['PATH'] ?? '').split(':').filter((folder) => folder !== '');
  for (const folder of folders) if (await isThere(join(folder, name), constants.X_OK)) return undefined;
  return `${name} is not on the PATH`;
}

function isThere(path: string, mode: number): Promise<boolean> {
  return access(path, mode).then(
    () => true,
    () => false,
  );
}

/** What else of this user's may use some. */
const otherInstances = 16;

/** Each wireguard-go takes one, and ends at once where there is none left. */
async function tooFewInotifyInstances(links: number): Promise<string | undefined> {
  const most = Number(await readFile('/proc/sys/fs/inotify/max_user_instances', 'utf8').catch(() => Number.NaN));
  if (!(links + otherInstances > most)) return undefined;
  return `${most} for each user, and each of ${links} wireguard-go takes one: those that get none do not start`;
}

function checkState({ interfaceName, attachment, kind, driver, state, reason }: LinkStatus): Finding {
  const check = `link ${interfaceName}`;
  const what = `${kind} of Attachment ${attachment} by ${driver ?? 'no driver'}`;
  switch (state) {
    case 'up':
      return fine(check, `${what}, up`);
    case 'down':
      return { check, result: 'warning', found: `${what}, down`, fix: reason ?? 'look at the other end' };
    case 'failed':
      return { check, result: 'error', found: `${what}, failed`, fix: reason ?? 'look at the log of the agent' };
  }
}
