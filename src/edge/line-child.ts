/**
 * A long-lived child whose output is read line by line: monitors that ring a bell when something changes.
 *
 * Invariant: while open, a child that dies is started again, not more often than once a second.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

export interface LineChild {
  close(): void;
}

/** `onStart` is called whenever the child (re)starts: changes may have been missed until then. */
export function openLineChild(
  program: string,
  args: readonly string[],
  onLine: (line: string) => void,
  onStart: () => void,
): LineChild {
  let child: ChildProcess | undefined;
  let timer: NodeJS.Timeout | undefined;
  let isClosed = false;
  let isFirst = true;

  function start(): void {
    timer = undefined;
    const started = spawn(program, [...args], { stdio: ['ignore', 'pipe', 'ignore'] });
    child = started;
    started.on('error', restart);
    started.on('close', restart);
    createInterface({ input: started.stdout }).on('line', onLine);
    if (!isFirst) onStart();
    isFirst = false;
  }

  function restart(): void {
    child = undefined;
    if (!isClosed) timer ??= setTimeout(start, 1000);
  }

  start();
  return {
    close() {
      isClosed = true;
      clearTimeout(timer);
      child?.kill('SIGKILL');
    },
  };
}
