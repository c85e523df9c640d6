/** What Amazon does to the ends of examples/links that are its own, each as one deed. */
import { readFileSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type { RunningLab } from '../../lab/harness.ts';
import { mustRun } from '../../lab/sandbox/run.ts';
import { pathInside } from '../../lab/sandbox/sandbox.ts';

export type Tunnel = 1 | 2;

const trunk = ['dc-edge', 'dx'] as const;
/** A classic BPF program of one instruction, "return TC_ACT_SHOT": before any other filter, and carriers stay. */
const drop = ['protocol', 'all', 'bpf', 'direct-action', 'bytecode', '1,6 0 0 2'];

/** Nothing that Direct Connect is given comes out at its other end. */
export async function loseFrames(lab: RunningLab): Promise<void> {
  for (const node of trunk) await filterTrunk(lab, node, ['add'], drop);
}

export async function carryFrames(lab: RunningLab): Promise<void> {
  for (const node of trunk) await filterTrunk(lab, node, ['delete'], []);
}

async function filterTrunk({ sandbox }: RunningLab, node: string, verb: readonly string[], what: readonly string[]) {
  const argv = ['tc', 'filter', ...verb, 'dev', 'trunk0', 'ingress', 'preference', '1', ...what];
  await mustRun(sandbox, argv, { node });
}

/** The gateway is told that the endpoint of a tunnel is to be replaced, or that none is any more (0). */
export async function replaceEndpoint({ lab, sandbox }: RunningLab, tunnel: Tunnel | 0): Promise<void> {
  const written = readFileSync(resolve(lab.folder, 'aws/vgw.bird.conf'), 'utf8');
  writeFileSync(
    pathInside(sandbox, '/run/lab/vgw.bird.conf'),
    written.replace('define replaced = 0;', `define replaced = ${tunnel};`),
  );
  await mustRun(sandbox, ['birdc', '-s', '/run/lab/vgw.ctl', 'configure'], { node: 'vgw' });
}

/** An endpoint says farewell, and knows no customer until it is back. */
export async function closeTunnel({ sandbox }: RunningLab, tunnel: Tunnel): Promise<void> {
  const { node, uri } = endpointOf(tunnel);
  await mustRun(sandbox, ['swanctl', '--load-conns', ...uri, '--file', '-'], { node, input: 'connections {}\n' });
  await mustRun(sandbox, ['swanctl', '--terminate', '--ike', 'customer', ...uri], { node });
}

export async function openTunnel({ sandbox }: RunningLab, tunnel: Tunnel): Promise<void> {
  const { node, uri } = endpointOf(tunnel);
  await mustRun(sandbox, ['swanctl', '--load-all', ...uri, '--file', `/run/lab/${node}.swanctl.conf`], { node });
}

function endpointOf(tunnel: Tunnel) {
  const node = `vgw-end-${tunnel}`;
  return { node, uri: ['--uri', `unix:///run/lab/${node}.vici`] };
}
