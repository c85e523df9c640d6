/**
 * A peer of an agent's machine: a namespace of its own at the far end of one of the machine's links, a BIRD with a configuration
 * that no one here generates, and a host behind it.
 *
 * Invariant: goes with `close`, whatever the test did to it.
 */
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eventually } from '../../../lab/eventually.ts';
import type { Machine } from './agent-machine.ts';

const streamProgram = join(import.meta.dirname, 'packet-stream.mjs');

export interface PeerSetup {
  /** Which of the machine's links: the machine has 10.<link>.255.1/24 there. */
  readonly link: 0 | 1;
  /** Addresses with lengths, on the link and on the loopback interface. */
  readonly onLink: readonly string[];
  readonly hosts: readonly string[];
  /** Without `router id`, `device` and `kernel`. */
  readonly config: string;
}

export type Peer = Awaited<ReturnType<typeof openPeer>>;

export async function openPeer(machine: Machine, { link, onLink, hosts, config }: PeerSetup) {
  const netns = `${machine.netns}-p${link}`;
  const folder = mkdtempSync(join(tmpdir(), 'causeway-peer-'));
  const at = (name: string): string => join(folder, name);
  const run = (program: string, ...args: string[]): string =>
    execFileSync('ip', ['netns', 'exec', netns, program, ...args], { encoding: 'utf8', timeout: 60_000 });
  const children: ChildProcess[] = [];
  let lastSince: string | undefined;

  const peer = {
    run,
    isUp: () => spawnSync('ip', ['netns', 'exec', netns, 'birdc', '-s', at('bird.ctl'), 'show', 'status']).status === 0,
    ask: (...words: string[]): string => run('birdc', '-s', at('bird.ctl'), ...words),
    /** Prefixes that it learned from the router. */
    learned: (protocol: string): string[] =>
      [...peer.ask('show', 'route', 'protocol', protocol).matchAll(/^(\d\S+\/\d+) /gm)]
        .map(([, prefix = '']) => prefix)
        .sort(),
    /** Of an established session, the time since when; undefined otherwise. The same session gives the same text. */
    since(protocol: string): string | undefined {
      const text = /up\s+(\S+)\s+Established/.exec(peer.ask('show', 'protocols', protocol))?.[1];
      // BIRD reckons it from the age each time, and may be a millisecond off.
      if (text === undefined || msBetween(text, lastSince) > 50) lastSince = text;
      return lastSince;
    },
    /** Routes that an UPDATE made other than they were, since the session began: BIRD does not count what it knew already. */
    moved(protocol: string): { updates: number; withdraws: number } {
      const text = peer.ask('show', 'protocols', 'all', protocol);
      const accepted = (name: string): number =>
        Number(new RegExp(`Import ${name}:(?:\\s+\\S+){4}\\s+(\\d+)`).exec(text)?.[1]);
      return { updates: accepted('updates'), withdraws: accepted('withdraws') };
    },
    /** A program in the namespace that runs until it is told to end; resolves once it said that it is there. */
    async stream(...args: string[]): Promise<{ end(): Promise<Record<string, number>> }> {
      const child = spawn('ip', ['netns', 'exec', netns, process.execPath, streamProgram, ...args], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      children.push(child);
      let output = '';
      child.stdout.on('data', (text) => {
        output += String(text);
      });
      await eventually(
        () => output,
        (text) => text !== '',
      );
      return {
        async end() {
          const ended = once(child, 'close');
          child.kill('SIGTERM');
          await ended;
          return JSON.parse(output.trim().split('\n').at(-1) ?? '{}') as Record<string, number>;
        },
      };
    },
    close(): void {
      for (const child of children) child.kill('SIGKILL');
      const pids = spawnSync('ip', ['netns', 'pids', netns], { encoding: 'utf8' }).stdout.split('\n').filter(Boolean);
      for (const pid of pids) spawnSync('kill', ['-9', pid]);
      spawnSync('ip', ['netns', 'del', netns]);
      rmSync(folder, { recursive: true, force: true });
    },
  };

  try {
    execFileSync('ip', ['netns', 'add', netns]);
    machine.must('ip', 'link', 'set', `far${link}`, 'netns', netns);
    for (const name of ['lo', `far${link}`]) run('ip', 'link', 'set', name, 'up');
    for (const address of onLink) run('ip', 'addr', 'add', address, 'dev', `far${link}`, ...nodad(address));
    for (const address of hosts) run('ip', 'addr', 'add', address, 'dev', 'lo', ...nodad(address));
    const families = [4, 6].map(
      (family) => `protocol kernel { ipv${family} { import none; export where source = RTS_BGP; }; }\n`,
    );
    writeFileSync(
      at('bird.conf'),
      `router id 192.0.2.${link + 1};\nprotocol device { }\n${families.join('')}${config}`,
    );
    run('bird', '-c', at('bird.conf'), '-s', at('bird.ctl'), '-P', at('bird.pid'), '-D', at('bird.log'));
    await eventually(
      () => peer.isUp(),
      (isUp) => isUp,
    );
  } catch (error) {
    peer.close();
    throw error;
  }
  return peer;
}

function nodad(address: string): string[] {
  return address.includes(':') ? ['nodad'] : [];
}

/** Between two times of a day, as BIRD prints them. */
function msBetween(one: string, other: string | undefined): number {
  return other === undefined ? Number.POSITIVE_INFINITY : Math.abs(timeOf(one) - timeOf(other));
}

function timeOf(text: string): number {
  return Date.parse(`1970-01-01T${text}Z`);
}
