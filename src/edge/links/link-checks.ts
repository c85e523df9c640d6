/**
 * Looks at what links need of this host, and at the links that agents report, for `causeway doctor`.
 *
 *   LinkStatus[] ─[checkLinks]─ kernel, programs, echo requests ─▶ Finding[]
 *
 * Invariant: only looks; devices it tries are made in a network namespace that goes with the process that made them.
 */
import { access, constants } from 'node:fs/promises';
import { basename } from 'node:path';
import type { LinkKind } from '../../intent/links/links-intent.ts';
import type { LinkStatus } from '../../links/link-keeper.ts';
import { findPathMtu } from '../../links/path-mtu.ts';
import type { Family } from '../../net/address.ts';
import { type Finding, fine, unseen } from '../finding.ts';
import { printProgramError, runProgram } from '../run-program.ts';
import { ping } from './ping.ts';

/** Paths that are asked at a time. */
const pathsAtOnce = 16;

/** `links`: of all routers here whose agents answer. */
export async function checkLinks(links: readonly LinkStatus[]): Promise<readonly Finding[]> {
  const kinds = new Set(links.map(({ kind }) => kind));
  const needs = await Promise.all([
    ...kernelDrivers.map(checkDriver),
    ...programs.map((each) => checkProgram(each, kinds.has(each.kind))),
  ]);
  const paths = links.flatMap((link) => link.remotes.map((remote) => ({ link, remote })));
  return [...needs, ...links.map(checkState), ...(await inTurns(paths, checkPath))];
}

interface KernelDriver {
  readonly check: string;
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

const kernelDrivers: readonly KernelDriver[] = [
  {
    check: 'VLAN driver',
    // A loopback device carries no tags: a kernel that knows them says so, in other words than one that does not.
    tries: [['link', 'add', 'link', 'lo', 'name', 'probe0', 'type', 'vlan', 'id', '1']],
    standIn: 'tags are set and taken by tc BPF programs',
    fix: 'modprobe 8021q',
  },
  {
    check: 'IPsec driver',
    tries: [['link', 'add', 'name', 'probe0', 'type', 'xfrm', 'if_id', '1'], emptyAssociation],
    standIn: 'ESP is done in user space, by a charon for each tunnel',
    fix: 'modprobe -a xfrm_interface esp4 esp6',
  },
  {
    check: 'WireGuard driver',
    tries: [['link', 'add', 'name', 'probe0', 'type', 'wireguard']],
    standIn: 'wireguard-go does it in user space',
    fix: 'modprobe wireguard',
  },
];

async function checkDriver({ check, tries, standIn, fix }: KernelDriver): Promise<Finding> {
  for (const args of tries) {
    const ran = await runProgram('unshare', ['--net', 'ip', ...args], { timeoutMs: 5_000 });
    if (!ran.ok)
      return { check, result: 'warning', found: printProgramError(ran.error), fix: 'apt-get install util-linux' };
    const { stderr } = ran.value;
    if (/^unshare:/m.test(stderr)) return unseen(check, 'this user may not ask the kernel');
    if (/Unknown device type|not supported by|Protocol not supported|not found/.test(stderr)) {
      return { check, result: 'warning', found: `not in this kernel: ${standIn}, which is slower`, fix };
    }
  }
  return fine(check, 'of the kernel');
}

interface NeededProgram {
  readonly path: string;
  readonly kind: LinkKind;
  readonly debian: string;
}

/** Where Debian has them; the charon is not asked for its version, since it knows no such question and would start. */
const programs: readonly NeededProgram[] = [
  {
    path: '/usr/sbin/charon-systemd',
    kind: 'ipsec',
    debian: 'charon-systemd libcharon-extra-plugins libstrongswan-extra-plugins',
  },
  { path: '/usr/bin/wg', kind: 'wireguard', debian: 'wireguard-tools' },
];

async function checkProgram({ path, kind, debian }: NeededProgram, isWanted: boolean): Promise<Finding> {
  const check = basename(path);
  try {
    await access(path, constants.X_OK);
    return fine(check, 'installed');
  } catch {
    const found = `${path} is not there`;
    if (isWanted) return { check, result: 'error', found, fix: `apt-get install ${debian}` };
    return { check, result: 'warning', found, fix: `only where link.${kind} is used: apt-get install ${debian}` };
  }
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

async function checkPath({ link, remote }: { readonly link: LinkStatus; readonly remote: string }): Promise<Finding[]> {
  const { interfaceName, mtu, state } = link;
  // What is down carries nothing, which its own finding says.
  if (state !== 'up' || mtu === null) return [];
  const check = `path ${interfaceName}`;
  const family: Family = remote.includes(':') ? 6 : 4;
  const path = await findPathMtu((bytes) => ping(interfaceName, remote, family, bytes), family, mtu);
  switch (path.kind) {
    case 'whole':
      return [fine(check, `${mtu} bytes reach ${remote}`)];
    case 'unanswered': {
      const fix = 'let it answer echo requests of this router, or look for what is wrong by other means';
      return [{ check, result: 'warning', found: `${remote} answers no echo request: its MTU is not known`, fix }];
    }
    case 'narrower': {
      if (path.isTold) return [fine(check, `${path.bytes} of ${mtu} bytes reach ${remote}, and senders are told`)];
      const found = `packets of more than ${path.bytes} bytes to ${remote} vanish; the device lets ${mtu} pass`;
      return [{ check, result: 'error', found, fix: `set the Attachment's mtu to ${path.bytes}, or mend the path` }];
    }
  }
}

async function inTurns<T>(items: readonly T[], look: (item: T) => Promise<readonly Finding[]>): Promise<Finding[]> {
  const findings: Finding[] = [];
  for (let at = 0; at < items.length; at += pathsAtOnce) {
    findings.push(...(await Promise.all(items.slice(at, at + pathsAtOnce).map(look))).flat());
  }
  return findings;
}
