/**
 * What passes the router, by the kernel's own counters of this network namespace.
 *
 *   /proc/net/snmp, snmp6, dev → [readTraffic] → TrafficCounters
 *
 * Forwarded packets are counted by the stack (RFC 4293, ipSystemStatsOutForwDatagrams), so BGP, BFD and logins to the router are not
 * among them; interfaces count everything.
 */
import { readFile } from 'node:fs/promises';
import type { HostError, TrafficCounters } from '../agent/ports.ts';
import { err, ok, type Result } from '../result.ts';

export async function readTraffic(): Promise<Result<TrafficCounters, HostError>> {
  try {
    const [snmp, snmp6, dev] = await Promise.all([
      readFile('/proc/net/snmp', 'utf8'),
      readFile('/proc/net/snmp6', 'utf8').catch(() => ''), // a kernel without IPv6
      readFile('/proc/net/dev', 'utf8'),
    ]);
    return ok({ forwarded: forwarded4(snmp) + forwarded6(snmp6), interfaces: interfaceCounters(dev) });
  } catch (error) {
    return err({ kind: 'failed', subject: '/proc/net', message: (error as Error).message });
  }
}

/** Two lines that begin with `Ip:`, the names and the numbers. */
function forwarded4(snmp: string): number {
  const [names = [], numbers = []] = snmp
    .split('\n')
    .filter((line) => line.startsWith('Ip: '))
    .map((line) => line.split(' '));
  const at = names.indexOf('ForwDatagrams');
  if (at < 0) throw new Error('/proc/net/snmp counts no forwarded packets');
  return Number(numbers[at]);
}

function forwarded6(snmp6: string): number {
  return Number(/^Ip6OutForwDatagrams\s+(\d+)/m.exec(snmp6)?.[1] ?? 0);
}

/** `eth0: bytes packets errs drop fifo frame compressed multicast bytes packets …` */
function interfaceCounters(dev: string): TrafficCounters['interfaces'] {
  const counters = new Map<string, { received: number; sent: number }>();
  for (const line of dev.split('\n')) {
    const [, name, numbers = ''] = /^\s*(\S+?):\s*(.*)$/.exec(line) ?? [];
    const columns = numbers.trim().split(/\s+/).map(Number);
    if (name === undefined || name === 'lo') continue;
    counters.set(name, { received: columns[1] ?? 0, sent: columns[9] ?? 0 });
  }
  return counters;
}
