/** A router of another make: BIRD with the configuration file that the user wrote. A cloud's end of a BGP session is one. */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { LabFailure } from '../sandbox/run.ts';
import { birdMissing, birdNodeEvidence, birdSessions, startBird } from './bird-daemon.ts';
import type { NodeType } from './node.ts';
import { forwarder } from './sysctls.ts';

export const birdRouterNode: NodeType<'bird-router'> = {
  sysctls: forwarder,

  async launch(context) {
    const { lab, name, spec } = context;
    const file = resolve(lab.folder, spec.config);
    let text: string;
    try {
      text = readFileSync(file, 'utf8');
    } catch (error) {
      throw new LabFailure(`${name}: cannot read ${file}: ${(error as NodeJS.ErrnoException).code}`);
    }
    await startBird(context, text);
  },

  whatIsMissing: birdMissing,
  sessions: birdSessions,
  evidence: birdNodeEvidence,
};
