/**
 * examples/two-routers with BFD timers of one's choice, on the routers and on all their peers, in a folder of its own.
 *
 *   examples/two-routers, BfdTimers → [lab-variant] → folder → Lab
 *
 * Invariant: every edit finds its place, or throws: a variant that is the example itself would be measured under a wrong name.
 */
import { cpSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../../lab/package-root.ts';

/** Milliseconds between control packets, and how many may be missing (RFC 5880 §6.8.4). */
export interface BfdTimers {
  readonly minInterval: number;
  readonly multiplier: number;
}

/** The folder of the lab, inside the checkout, where a sandbox sees it; the caller removes it. */
export function writeLabVariant({ minInterval, multiplier }: BfdTimers): string {
  mkdirSync(join(packageRoot(), '.cache'), { recursive: true });
  const folder = mkdtempSync(join(packageRoot(), '.cache/failover-'));
  cpSync(join(packageRoot(), 'examples/two-routers'), folder, { recursive: true });
  edit(join(folder, 'lab.yaml'), [
    [/^ {2}name: two-routers$/m, '  name: bench-failover'],
    [/bfd: \{.*\}/g, `bfd: { minInterval: ${minInterval}, multiplier: ${multiplier} }`],
  ]);
  edit(join(folder, 'resources/attachments.yaml'), [
    [/^ {4}asNumber: .*$/gm, `$&\n    bfd: { minInterval: ${minInterval}ms, multiplier: ${multiplier} }`],
  ]);
  edit(join(folder, 'dc/frr.conf'), [
    [/transmit-interval \d+/g, `transmit-interval ${minInterval}`],
    [/receive-interval \d+/g, `receive-interval ${minInterval}`],
    [/detect-multiplier \d+/g, `detect-multiplier ${multiplier}`],
  ]);
  return folder;
}

function edit(file: string, edits: readonly (readonly [RegExp, string])[]): void {
  let text = readFileSync(file, 'utf8');
  for (const [pattern, replacement] of edits) {
    if (text.search(pattern) === -1) throw new Error(`${file}: there is nothing like ${pattern}`);
    text = text.replace(pattern, replacement);
  }
  writeFileSync(file, text);
}
