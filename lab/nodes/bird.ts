/**
 * A cluster node: BIRD with the configuration that Calico would give it, rendered from the cluster's own resources.
 *
 * It is written apart from src/bird on purpose: the transit routers' peers must not share their mistakes.
 */
import { resolve } from 'node:path';
import { birdMissing, birdNodeEvidence, birdSessions, startBird } from './bird-daemon.ts';
import { readCluster, renderCalicoBird } from './calico-bird.ts';
import type { NodeType } from './node.ts';
import { joinPods } from './pod.ts';
import { forwarder } from './sysctls.ts';

export const birdNode: NodeType<'bird'> = {
  sysctls: forwarder,

  settle: ({ lab, name }) => joinPods(lab, name),

  async launch(context) {
    const { lab, name, spec } = context;
    const cluster = readCluster(resolve(lab.folder, spec.resources));
    await startBird(context, renderCalicoBird(cluster, name, spec.blocks, spec.bfd));
  },

  whatIsMissing: birdMissing,
  sessions: birdSessions,
  evidence: birdNodeEvidence,
};
