/**
 * What crosses a device of a lab's node while a test does something else, one line a frame.
 *
 * Invariant: a capture that has begun misses no later frame; one that tcpdump could not begin is an error.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { eventually } from '../../lab/eventually.ts';
import type { RunningLab } from '../../lab/harness.ts';
import { pathInside } from '../../lab/sandbox/sandbox.ts';

export interface Capture {
  /** Frames so far, as tcpdump prints them. */
  readonly frames: readonly string[];
  end(): Promise<void>;
}

/** `filter` as in pcap-filter(7). */
export async function capture(lab: RunningLab, node: string, device: string, filter: string): Promise<Capture> {
  // The node's network alone, so that no process stands between us and tcpdump.
  const inside = `--net=${pathInside(lab.sandbox, `/run/netns/${node}`)}`;
  const argv = [inside, 'tcpdump', '-lnn', '--immediate-mode', '-Z', 'root', '-i', device, filter];
  const child = spawn('nsenter', argv, { stdio: ['ignore', 'pipe', 'pipe'] });
  const frames: string[] = [];
  let said = '';
  createInterface({ input: child.stdout }).on('line', (line) => {
    // tcpdump takes leave with an empty one.
    if (line !== '') frames.push(line);
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said += text;
  });
  await eventually(
    () => said,
    (text) => text.includes('listening on') || child.exitCode !== null,
    { every: 20 },
  );
  if (!said.includes('listening on')) throw new Error(`tcpdump on ${device} of ${node}: ${said}`);
  return {
    frames,
    async end() {
      if (child.exitCode !== null) return;
      child.kill('SIGINT');
      await once(child, 'close');
    },
  };
}
