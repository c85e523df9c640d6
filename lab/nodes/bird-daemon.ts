/**
 * BIRD on a node that is not ours, whoever wrote its configuration.
 *
 *   text ─[startBird]→ bird, in the background ─[birdMissing, birdSessions]→ what it says of itself
 */
import { writeFileSync } from 'node:fs';
import { mustRun, readLog, run, start } from '../sandbox/run.ts';
import { pathInside } from '../sandbox/sandbox.ts';
import { birdEvidence, parseProtocols } from './bird-protocols.ts';
import type { NodeContext, SessionState } from './node.ts';

type Place = Pick<NodeContext, 'sandbox' | 'name'>;

const socket = (node: string) => `/run/lab/${node}.ctl`;
const config = (node: string) => `/run/lab/${node}.bird.conf`;

/** Throws LabFailure with BIRD's own words when it refuses the text. */
export async function startBird({ sandbox, name }: Place, text: string): Promise<void> {
  writeFileSync(pathInside(sandbox, config(name)), text);
  await mustRun(sandbox, ['bird', '-p', '-c', config(name)], { node: name });
  start(sandbox, name, `${name}-bird`, ['bird', '-f', '-c', config(name), '-s', socket(name)]);
}

export async function birdMissing({ sandbox, name }: Place): Promise<string | undefined> {
  const answer = await run(sandbox, ['birdc', '-s', socket(name), 'show', 'status']);
  return answer.code === 0 ? undefined : `bird does not answer: ${readLog(sandbox, `${name}-bird`, 3)}`;
}

export async function birdSessions({ sandbox, name }: Place): Promise<readonly SessionState[]> {
  return parseProtocols(await mustRun(sandbox, ['birdc', '-s', socket(name), 'show', 'protocols', 'all']));
}

export function birdNodeEvidence({ name }: Place): Readonly<Record<string, readonly string[]>> {
  return birdEvidence(socket(name));
}
