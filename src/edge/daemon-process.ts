/**
 * A daemon that outlives us, by its process id: told to end, and waited for.
 *
 * Whether a process is ours is for the caller to know first.
 */

/** How long a daemon may take until it answers after its start, or is gone after being told to end, in ms. */
const patienceMs = 5_000;
const pollMs = 20;

/** Fine for a process that is gone by now. */
export function signalProcess(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/** Whether it became so within the patience that a daemon is given. */
export async function becomesSo(isSo: () => Promise<boolean>): Promise<boolean> {
  const deadline = Date.now() + patienceMs;
  while (Date.now() < deadline) {
    if (await isSo()) return true;
    await new Promise((resolve) => setTimeout(resolve, pollMs));
  }
  return false;
}
