/**
 * A router of another make: FRR's zebra, staticd, bfdd and bgpd, configured by the integrated file the user wrote.
 *
 * Invariant: daemons use a path space of their own, so that several FRR nodes live in one sandbox.
 */
import { existsSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { eventually } from '../eventually.ts';
import { LabFailure, mustRun, readLog, run, start } from '../sandbox/run.ts';
import { pathInside } from '../sandbox/sandbox.ts';
import type { NodeType, SessionState } from './node.ts';
import { forwarder } from './sysctls.ts';

const daemons = ['zebra', 'staticd', 'bfdd', 'bgpd'] as const;

export const frrNode: NodeType<'frr'> = {
  sysctls: forwarder,

  async launch({ lab, sandbox, name, spec }) {
    const config = resolve(lab.folder, spec.config);
    if (!existsSync(config)) throw new LabFailure(`${name}: there is no ${config}`);
    const folders = [`/run/frr/${name}`, `/var/tmp/frr/${name}`, `/etc/frr/${name}`];
    await mustRun(sandbox, ['install', '-d', '-o', 'frr', '-g', 'frr', ...folders]);
    // Without it vtysh complains, every time.
    writeFileSync(pathInside(sandbox, `/etc/frr/${name}/vtysh.conf`), '');
    const launchDaemon = (daemon: string, ...options: readonly string[]): void => {
      const command = [`/usr/lib/frr/${daemon}`, '-N', name, '-P', '0', '--log', 'stdout', ...options];
      start(sandbox, name, `${name}-${daemon}`, command);
    };
    // Else it deletes an IPv6 route before it adds the new one, and loses what comes in between.
    launchDaemon('zebra', '--v6-rr-semantics');
    // The others look for zebra when they start, and then not again for ten seconds.
    const socket = pathInside(sandbox, `/run/frr/${name}/zserv.api`);
    await eventually(
      () => existsSync(socket),
      (exists) => exists,
      { within: 10_000, every: 20 },
    );
    for (const daemon of daemons.filter((one) => one !== 'zebra')) launchDaemon(daemon);
  },

  async whatIsMissing({ sandbox, name }) {
    for (const daemon of daemons) {
      const answer = await run(sandbox, ['vtysh', '-N', name, '-d', daemon, '-c', 'show version'], { node: name });
      if (answer.code !== 0) return `${daemon} does not answer: ${readLog(sandbox, `${name}-${daemon}`, 3)}`;
    }
    return undefined;
  },

  /** Daemons read no file of their own: vtysh hands each its part. */
  async configure({ lab, sandbox, name, spec }) {
    const loaded = await run(sandbox, ['vtysh', '-N', name, '-f', resolve(lab.folder, spec.config)], { node: name });
    if (loaded.code === 0) return;
    throw new LabFailure(`${name}: FRR refused ${spec.config}: ${(loaded.stderr + loaded.stdout).trim()}`);
  },

  async sessions(context) {
    const text = await mustRun(context.sandbox, ['vtysh', '-N', context.name, '-c', 'show bgp summary json'], {
      node: context.name,
    });
    return parseSummary(text);
  },

  evidence: ({ name }) => ({
    'bgp-summary.txt': ['vtysh', '-N', name, '-c', 'show bgp summary'],
    'bgp.txt': ['vtysh', '-N', name, '-c', 'show bgp ipv4 unicast', '-c', 'show bgp ipv6 unicast'],
  }),
};

/** `show bgp summary json`: one object per family, peers by address. A peer counts once, whatever families it carries. */
function parseSummary(text: string): SessionState[] {
  const summary = JSON.parse(text) as Record<string, { peers?: Record<string, { remoteAs: number; state: string }> }>;
  const sessions = new Map<string, SessionState>();
  for (const family of Object.values(summary)) {
    for (const [neighbor, peer] of Object.entries(family.peers ?? {})) {
      const isEstablished = peer.state === 'Established';
      sessions.set(neighbor, { neighbor, remoteAs: peer.remoteAs, isEstablished, state: peer.state });
    }
  }
  return [...sessions.values()];
}
