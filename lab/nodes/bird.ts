/**
 * A cluster node: BIRD with the configuration that Calico would give it, rendered from the cluster's own resources.
 *
 * It is written apart from src/bird on purpose: the transit routers' peers must not share their mistakes.
 */
import { writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { mustRun, readLog, run, start } from '../sandbox/run.ts';
import { pathInside } from '../sandbox/sandbox.ts';
import { birdEvidence, parseProtocols } from './bird-protocols.ts';
import { readCluster, renderCalicoBird } from './calico-bird.ts';
import type { NodeType } from './node.ts';
import { joinPods } from './pod.ts';
import { forwarder } from './sysctls.ts';

const socket = (node: string) => `/run/lab/${node}.ctl`;
const config = (node: string) => `/run/lab/${node}.bird.conf`;

export const birdNode: NodeType<'bird'> = {
  sysctls: forwarder,

  settle: ({ lab, name }) => joinPods(lab, name),

  async launch({ lab, sandbox, name, spec }) {
    const cluster = readCluster(resolve(lab.folder, spec.resources));
    writeFileSync(pathInside(sandbox, config(name)), renderCalicoBird(cluster, name, spec.blocks, spec.bfd));
    await mustRun(sandbox, ['bird', '-p', '-c', config(name)], { node: name });
    start(sandbox, name, `${name}-bird`, ['bird', '-f', '-c', config(name), '-s', socket(name)]);
  },

  async whatIsMissing({ sandbox, name }) {
    const answer = await run(sandbox, ['birdc', '-s', socket(name), 'show', 'status']);
    return answer.code === 0 ? undefined : `bird does not answer: ${readLog(sandbox, `${name}-bird`, 3)}`;
  },

  async sessions({ sandbox, name }) {
    return parseProtocols(await mustRun(sandbox, ['birdc', '-s', socket(name), 'show', 'protocols', 'all']));
  },

  evidence: ({ name }) => birdEvidence(socket(name)),
};
