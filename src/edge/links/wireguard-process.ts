/**
 * wireguard-go as processes of this router, one for each device: started, found again and ended.
 *
 * Invariant: each runs in a session of its own and outlives us; a process that somebody else started is never touched: ours is
 * the one that our pid file names, that runs wireguard-go for that device, and that sees our folder (`isInFolder`). Its device
 * goes with it, whatever ends it.
 */
import { access, mkdir } from 'node:fs/promises';
import { err, ok, type Result } from '../../result.ts';
import { readText, removeFile, trimLog } from '../bird-files.ts';
import { endDaemon, signalProcess, startDaemon } from '../daemon-process.ts';
import { withMissing } from './missing-capability.ts';
import { inFolder, isInFolder, type WireguardFiles, type WireguardFolder, wireguardFiles } from './wireguard-folder.ts';

/**
 * A core file would hold the private key: one byte is too little for one, and with that limit the kernel hands the memory to no program
 * either. Where ours is 0, which cannot be raised, what a program gets is without any kind of memory (core(5)).
 */
const startScript =
  'echo 0 >/proc/$$/coredump_filter; prlimit --pid $$ --core=1:1 2>/dev/null; echo $$ >"$2" && exec wireguard-go -f "$1"';

/** Undefined where none of ours runs for this device. */
export async function findWireguardGo(folder: WireguardFolder, interfaceName: string): Promise<number | undefined> {
  const pid = Number.parseInt((await readText(wireguardFiles(folder, interfaceName).pid)) ?? '', 10);
  if (!(pid > 1)) return undefined;
  const words = (await readText(`/proc/${pid}/cmdline`))?.split('\0') ?? [];
  const isIt = words[0]?.endsWith('wireguard-go') === true && words[2] === interfaceName;
  return isIt && (await isInFolder(folder, pid)) ? pid : undefined;
}

/** Resolves once the device is there and its control socket too. */
export async function startWireguardGo(folder: WireguardFolder, interfaceName: string): Promise<Result<void, string>> {
  const files = wireguardFiles(folder, interfaceName);
  await mkdir(folder.dir, { recursive: true, mode: 0o700 });
  await removeFile(files.socket);
  await trimLog(files);
  const started = await startDaemon({
    name: 'wireguard-go',
    package: 'wireguard-go',
    command: inFolder(folder, startScript, [interfaceName, files.pid]),
    log: files.log,
    environment: { ...process.env, LOG_LEVEL: 'error' },
    answers: () => isThere(files.socket),
  });
  if (started.ok) return ok(undefined);
  const { kind, message } = started.error;
  return err(kind === 'missing-program' ? message : `${message}${await lastWords(files)}`);
}

/** Undefined while it runs. It may end after it answered: what it wants to be told of its socket comes last. */
export async function whyGone(folder: WireguardFolder, interfaceName: string): Promise<string | undefined> {
  if ((await findWireguardGo(folder, interfaceName)) !== undefined) return undefined;
  const files = wireguardFiles(folder, interfaceName);
  return `wireguard-go ended at once; see ${files.log}${await lastWords(files)}`;
}

/** What it said last, after a colon; it writes no keys. */
async function lastWords({ log }: WireguardFiles): Promise<string> {
  const line = (await readText(log))?.trim().split('\n').at(-1)?.slice(-200);
  if (!line) return '';
  // One for each of them, and 128 for each user unless somebody says otherwise.
  const remedy = /too many open files/.test(line) ? ': sysctl -w fs.inotify.max_user_instances=1024' : '';
  return withMissing('CAP_SYS_ADMIN', `: ${line}${remedy}`);
}

/** Ends what runs for this device, if anything does, and removes its files. */
export async function endWireguardGo(folder: WireguardFolder, interfaceName: string): Promise<Result<void, string>> {
  if (!(await endDaemon(() => findWireguardGo(folder, interfaceName)))) return err('wireguard-go does not end');
  for (const file of Object.values(wireguardFiles(folder, interfaceName))) await removeFile(file);
  return ok(undefined);
}

/** The same for one that does not answer: it is not asked first, and nobody waits for its answer. */
export async function killWireguardGo(folder: WireguardFolder, interfaceName: string): Promise<Result<void, string>> {
  const pid = await findWireguardGo(folder, interfaceName);
  if (pid !== undefined) signalProcess(pid, 'SIGKILL');
  return endWireguardGo(folder, interfaceName);
}

function isThere(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
