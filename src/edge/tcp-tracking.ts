/**
 * How the kernel's connection tracking follows TCP, in the network namespace of this process.
 *
 * Invariant: what was found before the first change is kept in a file, and is what `alone` sets again.
 */
import { readFile, writeFile } from 'node:fs/promises';
import type { ConntrackdError, TcpTracking } from '../conntrackd/daemon.ts';
import { err, ok, type Result } from '../result.ts';
import { writeFileAtomically } from './atomic-file.ts';
import { readText, removeFile } from './bird-files.ts';

type Switches = Readonly<Record<string, string>>;

const folder = '/proc/sys/net/netfilter';
const whileShared: Switches = { nf_conntrack_tcp_loose: '0', nf_conntrack_tcp_be_liberal: '1' };
const kernelDefaults: Switches = { nf_conntrack_tcp_loose: '1', nf_conntrack_tcp_be_liberal: '0' };

/** Whether anything had to be changed. `beforePath` is the file that keeps what was found. */
export async function setTcpTracking(as: TcpTracking, beforePath: string): Promise<Result<boolean, ConntrackdError>> {
  try {
    const kept = await readText(beforePath);
    const found = await readSwitches();
    if (as === 'shared' && kept === undefined) await writeFileAtomically(beforePath, JSON.stringify(found));
    const wanted = as === 'shared' ? whileShared : parseSwitches(kept);
    let hasChanged = false;
    for (const [name, value] of Object.entries(wanted)) {
      if (found[name] === value) continue;
      await writeFile(`${folder}/${name}`, value);
      hasChanged = true;
    }
    if (as === 'alone') await removeFile(beforePath);
    return ok(hasChanged);
  } catch (error) {
    return err({ kind: 'failed', message: (error as Error).message });
  }
}

async function readSwitches(): Promise<Switches> {
  const found: Record<string, string> = {};
  for (const name of Object.keys(whileShared)) found[name] = (await readFile(`${folder}/${name}`, 'utf8')).trim();
  return found;
}

/** A file that is gone or broken reads as the kernel's own values. */
function parseSwitches(text: string | undefined): Switches {
  const switches: Record<string, string> = { ...kernelDefaults };
  for (const name of Object.keys(kernelDefaults)) {
    const value = new RegExp(`"${name}":"([0-9]+)"`).exec(text ?? '')?.[1];
    if (value !== undefined) switches[name] = value;
  }
  return switches;
}
