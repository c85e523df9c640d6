/**
 * What is kept when a lab disappoints: rules, routes, sessions and logs of every node, in a folder on the host.
 *
 * Invariant: collecting never fails; what cannot be read is said in the file that would have held it.
 */
import { cpSync, mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { mapLimited } from './eventually.ts';
import { contextOf, typeOf } from './nodes/node-types.ts';
import { run } from './sandbox/run.ts';
import { pathInside, type Sandbox } from './sandbox/sandbox.ts';
import type { Lab } from './topology/lab-file.ts';

const everyNode: Readonly<Record<string, readonly string[]>> = {
  'addresses.txt': ['ip', 'address'],
  'routes4.txt': ['ip', '-4', 'route'],
  'routes6.txt': ['ip', '-6', 'route'],
};

/** Writes the folder and gives its path. */
export async function keepEvidence(lab: Lab, sandbox: Sandbox): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), `causeway-lab-${lab.name}-`));
  await mapLimited(Object.keys(lab.spec.nodes), 2, async (name) => {
    const context = contextOf(lab, sandbox, name);
    if (context.spec.type === 'bridge') return;
    mkdirSync(join(folder, name));
    for (const [file, argv] of Object.entries({ ...everyNode, ...typeOf(context).evidence(context) })) {
      const done = await run(sandbox, argv, { node: name, within: 5_000 });
      writeFileSync(join(folder, name, file), `${done.stdout}${done.stderr === '' ? '' : `\n# ${done.stderr}`}`);
    }
  });
  try {
    cpSync(pathInside(sandbox, '/run/lab/log'), join(folder, 'log'), { recursive: true });
  } catch (error) {
    writeFileSync(join(folder, 'log.txt'), `the logs could not be read: ${String(error)}\n`);
  }
  return folder;
}
