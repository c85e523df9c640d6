/** What one process takes of the machine, read from /proc. */
import { readFileSync } from 'node:fs';

/** USER_HZ is 100 on every Linux that runs here. */
export const ticksPerSecond = 100;

/** utime and stime, the 14th and 15th field of /proc/PID/stat; the second one may hold spaces, and ends with the last bracket. */
export function cpuTicks(pid: number | undefined): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /s, '')
    .split(' ');
  return Number(fields[11]) + Number(fields[12]);
}

export function residentMiB(pid: number | undefined): number {
  const line = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
  return Math.round(Number(line?.[1]) / 1024);
}

/** The most that a process had in memory since its start. */
export function peakBytes(pid: number | undefined): number {
  const line = /^VmHWM:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
  return Number(line?.[1]) * 1024;
}
