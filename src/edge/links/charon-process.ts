/**
 * Charons as processes of this router: started, found again and ended.
 *
 * Invariant: each runs in a session of its own and outlives us; a process that somebody else started is never touched: ours are
 * charons whose environment names a configuration in our folder. None leaves its memory, which holds keys, in a core file.
 */
import { mkdir, readdir, readFile, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { err, ok, type Result } from '../../result.ts';
import { writeFileAtomically } from '../atomic-file.ts';
import { readText, trimLog } from '../bird-files.ts';
import { withholdDump } from '../core-file.ts';
import { endDaemon, startDaemon } from '../daemon-process.ts';
import { runProgram } from '../run-program.ts';

export interface CharonFiles {
  readonly dir: string;
  readonly config: string;
  readonly socket: string;
  readonly log: string;
  /** What it calls its TUN device, whatever the device is called now. */
  readonly tun: string;
  /** What it was told of its connections: no key. */
  readonly connections: string;
}

/** Debian's; it is on nobody's PATH. */
const program = '/usr/sbin/charon-systemd';
/** Bytes: a router has many of these logs, and their folder lies in memory. */
const longestLog = 512 * 1024;

export function charonFiles(root: string, name: string): CharonFiles {
  const dir = join(root, name);
  return {
    dir,
    config: join(dir, 'strongswan.conf'),
    // Short, since the path of a socket has 107 bytes at most, and a router's name may take 63 of them.
    socket: join(dir, 'vici'),
    log: join(dir, 'charon.log'),
    tun: join(dir, 'tun'),
    connections: join(dir, 'connections.json'),
  };
}

/** Process ids of the charons that run for this folder, by their names. */
export async function findCharons(root: string): Promise<Map<string, number>> {
  const found = new Map<string, number>();
  for (const entry of await readdir('/proc')) {
    const pid = Number(entry);
    const config = Number.isInteger(pid) ? await configOf(pid) : undefined;
    if (config !== undefined && dirname(dirname(config)) === root) found.set(basename(dirname(config)), pid);
  }
  return found;
}

/** Names that a charon was ever started for and not ended. */
export async function startedCharons(root: string): Promise<readonly string[]> {
  return readdir(root).catch(() => []);
}

export async function isCharon(files: CharonFiles, pid: number): Promise<boolean> {
  return (await configOf(pid)) === files.config;
}

/** Whoever looks into one by swanctl may have the same variable. */
async function configOf(pid: number): Promise<string | undefined> {
  const name = await readText(`/proc/${pid}/comm`).catch(() => undefined);
  if (name?.trim() !== basename(program)) return undefined;
  const environment = await readText(`/proc/${pid}/environ`).catch(() => undefined);
  const prefix = 'STRONGSWAN_CONF=';
  return environment
    ?.split('\0')
    .find((line) => line.startsWith(prefix))
    ?.slice(prefix.length);
}

/** Its process id, once `answers` says so of it. */
export async function startCharon(
  files: CharonFiles,
  config: string,
  launcher: readonly string[],
  answers: () => Promise<boolean>,
): Promise<Result<number, string>> {
  await mkdir(files.dir, { recursive: true, mode: 0o700 });
  await writeFileAtomically(files.config, config);
  for (const stale of [files.socket, files.connections, files.tun]) await rm(stale, { recursive: true, force: true });
  await trimCharonLog(files);
  const { size: logged } = await stat(files.log).catch(() => ({ size: 0 }));
  const started = await startDaemon({
    name: 'charon',
    package: 'charon-systemd',
    command: [...launcher, program],
    log: files.log,
    environment: { PATH: process.env['PATH'], STRONGSWAN_CONF: files.config },
    begun: withholdMemory,
    answers,
  });
  // Once more: what is written while one program gives way to the next, as a launcher does, may be lost with the first.
  if (started.ok) await withholdDump(started.value);
  const problem = started.ok ? await socketProblem(files, logged) : started.error.message;
  if (started.ok && problem === undefined) return started;
  const pid = (await findCharons(dirname(files.dir))).get(basename(files.dir));
  if (pid !== undefined) await endCharon(files, pid);
  return err(problem ?? 'charon could not be started');
}

/** A charon that cannot have its ports goes on without them. `from`: bytes of its log that are older. */
async function socketProblem(files: CharonFiles, from: number): Promise<string | undefined> {
  const said = (await readFile(files.log)).subarray(from).toString();
  if (!/unable to bind socket: Address already in use/.test(said)) return undefined;
  const wanted = /could not open IPv[46] NAT-T socket/.test(said) ? 'port_nat_t' : 'port';
  const port = new RegExp(`^ *${wanted} = (\\d+)$`, 'm').exec((await readText(files.config)) ?? '')?.[1];
  return `UDP port ${port} is taken by another program: end it (systemctl disable --now strongswan), or write another localPort`;
}

export function trimCharonLog(files: CharonFiles): Promise<void> {
  return trimLog(files, longestLog);
}

/**
 * Before it has a key. One byte is too little for a core file, and tells the kernel to hand the memory to no program either
 * (umh_pipe_setup in fs/coredump.c), which it does at a limit of 0. Where that is our own limit it cannot be raised: then there is no
 * file, and what a program gets is without any kind of memory (core(5)). Both outlast the start of a program.
 */
async function withholdMemory(pid: number): Promise<void> {
  await withholdDump(pid);
  await runProgram('prlimit', ['--pid', String(pid), '--core=1:1']);
}

/** Its associations are deleted at the peer, too. */
export async function endCharon(files: CharonFiles, pid: number): Promise<Result<void, string>> {
  const isGone = await endDaemon(async () => ((await isCharon(files, pid)) ? pid : undefined));
  return isGone ? ok(undefined) : err('charon does not end');
}

export async function forgetCharon(files: CharonFiles): Promise<void> {
  await rm(files.dir, { recursive: true, force: true });
}

/** The TUN device that it holds, as it is called now; undefined where it holds none. */
export async function tunOf(pid: number): Promise<string | undefined> {
  const dir = `/proc/${pid}/fdinfo`;
  for (const fd of await readdir(dir).catch(() => [])) {
    const name = /^iff:\s*(\S+)/m.exec((await readText(join(dir, fd)).catch(() => undefined)) ?? '')?.[1];
    if (name !== undefined) return name;
  }
  return undefined;
}
