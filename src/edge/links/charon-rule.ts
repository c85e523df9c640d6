/**
 * The rule by which packets would take the routes that kernel-libipsec makes, whatever it is told.
 *
 * Invariant: only the one that leads to the table given to charon is taken away.
 */
import { ownTables } from '../../links/ip-route.ts';
import { unusedRule } from '../../links/ipsec/charon-config.ts';
import { runProgram } from '../run-program.ts';

/** With the kernel's ESP there is none. */
export async function dropUnusedRule(launcher: readonly string[]): Promise<void> {
  const rule = ['priority', String(unusedRule), 'lookup', String(ownTables.unused)];
  for (const family of ['-4', '-6']) {
    const [program = '', ...words] = [...launcher, 'ip', family, 'rule', 'delete', ...rule];
    await runProgram(program, words);
  }
}
