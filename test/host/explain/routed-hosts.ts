/**
 * Two hosts beside a machine: network namespaces at the far ends of its links, from which real packets come.
 *
 *   left ──eth0 machine eth1── right
 *
 * Invariant: what was made goes with `close`.
 */
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import type { Machine } from '../agent/agent-machine.ts';

export interface RoutedHosts {
  /** Runs a program in a host's namespace until `close`. */
  start(host: 'left' | 'right', program: string, ...args: string[]): ChildProcess;
  run(host: 'left' | 'right', program: string, ...args: string[]): string;
  close(): void;
}

/** Host i has 10.i.255.2/24 and fd00:i::2/64, and its way out by the machine. */
export function joinHosts(machine: Machine): RoutedHosts {
  const namespaces = { left: `cw-left-${process.pid}`, right: `cw-right-${process.pid}` };
  const started: ChildProcess[] = [];
  const must = (...args: string[]): void => void execFileSync('ip', args);
  for (const [i, netns] of Object.values(namespaces).entries()) {
    must('netns', 'add', netns);
    const inside = (...args: string[]): void => must('-n', netns, ...args);
    machine.must('ip', 'link', 'set', `far${i}`, 'netns', netns);
    machine.must('ip', 'addr', 'add', `fd00:${i}::1/64`, 'dev', `eth${i}`, 'nodad');
    inside('link', 'set', 'lo', 'up');
    inside('addr', 'add', `10.${i}.255.2/24`, 'dev', `far${i}`);
    inside('addr', 'add', `fd00:${i}::2/64`, 'dev', `far${i}`, 'nodad');
    inside('link', 'set', `far${i}`, 'up');
    inside('route', 'add', 'default', 'via', `10.${i}.255.1`);
    inside('-6', 'route', 'add', 'default', 'via', `fd00:${i}::1`);
  }
  return {
    start(host, program, ...args) {
      const child = spawn('ip', ['netns', 'exec', namespaces[host], program, ...args], { stdio: 'ignore' });
      started.push(child);
      return child;
    },
    run(host, program, ...args) {
      const ran = spawnSync('ip', ['netns', 'exec', namespaces[host], program, ...args], {
        encoding: 'utf8',
        timeout: 20_000,
      });
      return ran.stdout + ran.stderr;
    },
    close() {
      for (const child of started) child.kill('SIGKILL');
      for (const netns of Object.values(namespaces)) {
        const pids = spawnSync('ip', ['netns', 'pids', netns], { encoding: 'utf8' }).stdout.split('\n').filter(Boolean);
        for (const pid of pids) spawnSync('kill', ['-9', pid]);
        spawnSync('ip', ['netns', 'del', netns]);
      }
    },
  };
}
