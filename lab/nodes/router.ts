/** A transit router: a Linux machine that our agent makes one. */
import { mustRun, readLog, run, start } from '../sandbox/run.ts';
import type { Sandbox } from '../sandbox/sandbox.ts';
import type { Lab } from '../topology/lab-file.ts';
import { causewayFor } from '../topology/stores.ts';
import { birdEvidence, parseProtocols } from './bird-protocols.ts';
import type { NodeType } from './node.ts';
import { endSystem, spreadsFlows } from './sysctls.ts';

/** Where the agent puts the control socket of its BIRD. */
const socket = (router: string) => `/run/causeway/${router}/bird.ctl`;

export function startAgent(lab: Lab, sandbox: Sandbox, router: string): void {
  start(sandbox, router, `${router}-agent`, causewayFor(lab, router, ['agent', '--router', router]));
}

export const routerNode: NodeType<'router'> = {
  // Forwarding is for the agent to switch on.
  sysctls: { ...endSystem, ...spreadsFlows },

  async launch({ lab, sandbox, name }) {
    startAgent(lab, sandbox, name);
  },

  async whatIsMissing({ sandbox, name }) {
    const answer = await run(sandbox, ['birdc', '-s', socket(name), 'show', 'status']);
    return answer.code === 0 ? undefined : `its BIRD does not answer; agent: ${readLog(sandbox, `${name}-agent`, 5)}`;
  },

  async sessions({ sandbox, name }) {
    return parseProtocols(await mustRun(sandbox, ['birdc', '-s', socket(name), 'show', 'protocols', 'all']));
  },

  evidence: ({ lab, name }) => ({
    ...birdEvidence(socket(name)),
    'ruleset.nft': ['nft', '-a', 'list', 'ruleset'],
    'status.json': causewayFor(lab, name, ['status', '--router', name, '-o', 'json']),
  }),
};
