/**
 * Runs `wg` and wireguard-go so that they meet in this router's folder and nowhere else.
 *
 * Both know one place for control sockets, /run/wireguard, by device name alone: two routers of one machine with a `wg0` each, in
 * network namespaces of their own, would take each other's. So each runs in a mount namespace of its own in which that place is
 * this router's folder.
 */
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';

export interface WireguardFolder {
  readonly dir: string;
  /** Program and arguments to put before every command, such as `ip netns exec r1`; for tests. */
  readonly launcher: readonly string[];
}

export interface WireguardFiles {
  /** Written by the shell that becomes the daemon, so that there is no daemon without it. */
  readonly pid: string;
  readonly socket: string;
  readonly log: string;
  /** What the log was before it was cut. */
  readonly oldLog: string;
  /** What was written last and cannot be read back. */
  readonly written: string;
}

const place = '/run/wireguard';

export function wireguardFiles({ dir }: WireguardFolder, interfaceName: string): WireguardFiles {
  const at = (ending: string): string => join(dir, `${interfaceName}.${ending}`);
  return { pid: at('pid'), socket: at('sock'), log: at('log'), oldLog: at('log.1'), written: at('written.json') };
}

/** The devices that a daemon of this router was started for, whether it runs or not. */
export async function startedDevices({ dir }: WireguardFolder): Promise<string[]> {
  const entries = await readdir(dir, { withFileTypes: true }).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw error;
  });
  return entries
    .filter((entry) => entry.isFile() && entry.name.endsWith('.pid'))
    .map(({ name }) => name.slice(0, -'.pid'.length));
}

/** The words of a command that runs `script` there; `args` are its `$1`, `$2` and so on, `$0` is the folder. */
export function inFolder({ dir, launcher }: WireguardFolder, script: string, args: readonly string[]): string[] {
  const enter = `mkdir -p ${place} && mount --bind "$0" ${place} &&`;
  // As a slave: what the machine unmounts later is not kept busy by a daemon of ours.
  return [...launcher, 'unshare', '--mount', '--propagation', 'slave', 'sh', '-c', `${enter} ${script}`, dir, ...args];
}

/** The same for `wg`, which meets nobody there while no daemon was started, and then needs no right to mount. */
export async function nearDaemons(folder: WireguardFolder, script: string, args: readonly string[]): Promise<string[]> {
  const hasDaemons = (await startedDevices(folder)).length > 0;
  return hasDaemons ? inFolder(folder, script, args) : [...folder.launcher, 'sh', '-c', script, folder.dir, ...args];
}

/** Whether a process has this router's folder in that place. */
export async function isInFolder({ dir }: WireguardFolder, pid: number): Promise<boolean> {
  const [ours, its] = await Promise.all([identity(dir), identity(`/proc/${pid}/root${place}`)]);
  return ours !== undefined && ours === its;
}

async function identity(path: string): Promise<string | undefined> {
  const facts = await stat(path, { bigint: true }).catch(() => undefined);
  return facts && `${facts.dev}:${facts.ino}`;
}
