/**
 * Which of BIRD's routes the kernel lacks.
 */
import type { BirdError, RibEntry } from '../bird/daemon.ts';
import { bitLength, type Family } from '../net/address.ts';
import { parseAddressOrCidr, printPrefix } from '../net/prefix.ts';
import { err, ok, type Result } from '../result.ts';
import { printProgramError, runProgram } from './run-program.ts';

/** Prefixes, sorted, that BIRD gives to the kernel and that the main table does not hold with BIRD's number and the metric. */
export async function missingRoutes(
  wanted: readonly RibEntry[],
  family: Family,
  metric: number,
  launcher: readonly string[],
): Promise<Result<readonly string[], BirdError>> {
  const args = ['-json', `-${family}`, 'route', 'show', 'table', 'main', 'proto', 'bird'];
  const [program = 'ip', ...before] = [...launcher, 'ip'];
  const ran = await runProgram(program, [...before, ...args]);
  if (!ran.ok) return err({ kind: 'failed', subject: 'ip route show', message: printProgramError(ran.error) });
  if (ran.value.exitCode !== 0)
    return err({ kind: 'failed', subject: 'ip route show', message: ran.value.stderr.trim() });
  const present = new Set(readPrefixes(ran.value.stdout, family, metric));
  return ok([...new Set(wanted.map((route) => route.prefix))].filter((prefix) => !present.has(prefix)).sort());
}

function readPrefixes(json: string, family: Family, metric: number): string[] {
  const routes: unknown = JSON.parse(json === '' ? '[]' : json);
  if (!Array.isArray(routes)) return [];
  return routes.flatMap((route: { dst?: unknown; metric?: unknown }) => {
    if (typeof route.dst !== 'string' || route.metric !== metric) return [];
    if (route.dst === 'default') return [printPrefix({ family, bits: 0n, length: 0 })];
    const prefix = parseAddressOrCidr(route.dst);
    return prefix && prefix.length <= bitLength(family) ? [printPrefix(prefix)] : [];
  });
}
