/**
 * The system calls that the measurement makes itself, through koffi.
 *
 *   bench → [libc] → kernel
 *
 * Invariant: calls are synchronous and made on Node's main thread, because namespace, affinity and scheduling class
 * belong to a thread; children that Node spawns are forked from that thread and inherit them.
 */
import { closeSync, openSync } from 'node:fs';
import { constants } from 'node:os';
import koffi from 'koffi';

export const libc = koffi.load('libc.so.6');
const setnsCall = libc.func('int setns(int fd, int nstype)');
const setaffinityCall = libc.func('int sched_setaffinity(int pid, size_t size, const uint64_t *mask)');
const setschedulerCall = libc.func('int sched_setscheduler(int pid, int policy, const int *priority)');

/** A system call that failed where it cannot while the machine is as the measurement set it up. */
export class SystemCallError extends Error {
  readonly errno: number;
  constructor(call: string, errno: number, detail = '') {
    const name = Object.entries(constants.errno).find(([, value]) => value === errno)?.[0] ?? `errno ${errno}`;
    super(`${call}: ${name}${detail === '' ? '' : `\n${detail}`}`);
    this.errno = errno;
  }
}

const cloneNewNet = 0x40000000;

/** Moves the main thread into the network namespace behind a path such as /run/netns/a. */
export function enterNamespace(path: string): void {
  const fd = openSync(path, 'r');
  try {
    setNamespace(fd);
  } finally {
    closeSync(fd);
  }
}

/** Runs `action`, which must not wait for anything, with the main thread in another network namespace. */
export function inNamespace<T>(path: string, action: () => T): T {
  const home = openSync('/proc/thread-self/ns/net', 'r');
  try {
    enterNamespace(path);
    return action();
  } finally {
    setNamespace(home);
    closeSync(home);
  }
}

function setNamespace(fd: number): void {
  if (setnsCall(fd, cloneNewNet) !== 0) throw new SystemCallError('setns', koffi.errno());
}

/** Pins the main thread, and so every softirq that its own sending raises, to one core. */
export function pinToCore(core: number): void {
  if (setaffinityCall(0, 8, [1n << BigInt(core)]) !== 0) throw new SystemCallError('sched_setaffinity', koffi.errno());
}

const schedOther = 0;
const schedFifo = 1;

/** Whether this thread may run SCHED_FIFO: without that, other tasks of the core get into the figures. */
export function mayRunFifo(): boolean {
  return setScheduler(schedFifo, 1) && setScheduler(schedOther, 0);
}

/** SCHED_FIFO while `measure` runs, if that is allowed: no other task of the core interrupts it, and none waits longer. */
export function withoutPreemption<T>(measure: () => T): T {
  const isFifo = setScheduler(schedFifo, 1);
  try {
    return measure();
  } finally {
    if (isFifo) setScheduler(schedOther, 0);
  }
}

function setScheduler(policy: number, priority: number): boolean {
  return setschedulerCall(0, policy, [priority]) === 0;
}
