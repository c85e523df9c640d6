/**
 * A node that loses its power, and one that gets it back.
 *
 *   cutPower → links down, every process dead        restorePower → a machine that has just booted, all its programs answering
 *
 * Invariant: what memory held is gone afterwards (processes, rules, connections, addresses, routes, /run); what
 * lies on disk stays, and kernel settings, which the agent sets anyway.
 */
import { startNode, wireNode } from './bring-up.ts';
import { contextOf } from './nodes/node-types.ts';
import { endpointSocket } from './probe/endpoint-client.ts';
import { mustRun, run } from './sandbox/run.ts';
import type { Sandbox } from './sandbox/sandbox.ts';
import type { Lab } from './topology/lab-file.ts';

export async function cutPower(sandbox: Sandbox, node: string): Promise<void> {
  const pids = await processesIn(sandbox, node);
  // Stopped first: a daemon that sees one link go down would still say good-bye over the others.
  // Some are gone before it comes to them: daemons call programs that live for milliseconds.
  if (pids.length > 0) await run(sandbox, ['kill', '-STOP', ...pids]);
  const names = await linkNames(sandbox, node);
  await mustRun(sandbox, ['ip', '-batch', '-'], {
    node,
    input: names.map((name) => `link set ${name} down\n`).join(''),
  });
  const left = await processesIn(sandbox, node);
  if (left.length > 0) await run(sandbox, ['kill', '-KILL', ...left]);
}

/** Of a router whose power was cut: its namespace stays, since with it would go the far ends of its links. */
export async function restorePower(lab: Lab, sandbox: Sandbox, router: string): Promise<void> {
  const context = contextOf(lab, sandbox, router);
  const names = await linkNames(sandbox, router);
  await mustRun(sandbox, ['nft', 'flush', 'ruleset'], { node: router });
  await mustRun(sandbox, ['conntrack', '--flush'], { node: router });
  const input = [
    ...names.map((name) => `address flush dev ${name}`),
    ...['-4', '-6'].map((family) => `${family} route flush table main`),
  ];
  for (const line of input) await run(sandbox, ['ip', ...line.split(' ')], { node: router });
  await mustRun(sandbox, ['rm', '-rf', `/run/causeway/${router}`, endpointSocket(router)]);
  await wireNode(context);
  await startNode(context);
}

/** Process ids as the sandbox sees them. */
export async function processesIn(sandbox: Sandbox, node: string): Promise<string[]> {
  return (await mustRun(sandbox, ['ip', 'netns', 'pids', node])).trim().split(/\s+/).filter(Boolean);
}

async function linkNames(sandbox: Sandbox, node: string): Promise<string[]> {
  const links = JSON.parse(await mustRun(sandbox, ['ip', '-json', 'link', 'show'], { node })) as { ifname: string }[];
  return links.map((link) => link.ifname.replace(/@.*$/, '')).filter((name) => name !== 'lo');
}
