/**
 * A machine for agent tests: a network namespace with two links, a store, and the real agent in it.
 *
 * Invariant: everything that was made or started goes with `close`, whatever the test did to it.
 */
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { eventually } from '../../../lab/eventually.ts';
import type { RouterStatus } from '../../../src/agent/status.ts';
import type { StatusView } from '../../../src/api/status-view.ts';
import { readFromAgent } from '../../../src/client/agent-client.ts';

const causeway = resolve(import.meta.dirname, '../../../bin/causeway');

export interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export type Machine = ReturnType<typeof openMachine>;

export function openMachine(name: string) {
  const netns = `cw-${name}-${process.pid}`;
  const folder = mkdtempSync(join(tmpdir(), `causeway-${name}-`));
  const env = {
    ...process.env,
    CAUSEWAY_STORE: join(folder, 'store'),
    CAUSEWAY_RUN_DIR: join(folder, 'run'),
    CAUSEWAY_STATE_DIR: join(folder, 'state'),
    CAUSEWAY_SECRETS_DIR: join(folder, 'secrets'),
    CAUSEWAY_BIRD_DIR: join(folder, 'bird.d'),
  };
  const agents: ChildProcess[] = [];

  /** Runs a program in the machine's namespace. */
  function run(program: string, ...args: string[]): Ran {
    const ran = spawnSync('ip', ['netns', 'exec', netns, program, ...args], { env, encoding: 'utf8', timeout: 60_000 });
    return { code: ran.status ?? -1, stdout: ran.stdout, stderr: ran.stderr };
  }

  function must(program: string, ...args: string[]): string {
    const ran = run(program, ...args);
    if (ran.code !== 0) throw new Error(`${program} ${args.join(' ')}: ${ran.stderr}`);
    return ran.stdout;
  }

  const machine = {
    folder,
    netns,
    storeFolder: env.CAUSEWAY_STORE,
    run,
    must,
    causeway: (...args: string[]): Ran => run(causeway, ...args),
    /** For spawn: the command in the machine's namespace. `ip netns exec` becomes it, so a signal to one is to the other. */
    command: (...args: string[]) => ({ program: 'ip', args: ['netns', 'exec', netns, causeway, ...args], env }),
    apply(yaml: string): void {
      const file = join(folder, 'resources.yaml');
      writeFileSync(file, yaml);
      must(causeway, 'apply', '-f', file);
    },
    startAgent(router: string): ChildProcess {
      const args = ['netns', 'exec', netns, causeway, 'agent', '--router', router];
      const agent = spawn('ip', args, { env, stdio: ['ignore', 'ignore', 'pipe'] });
      agents.push(agent);
      return agent;
    },
    /** What `causeway status` shows, asked of the agent itself: a look costs no process, so that many may be had. */
    async status(router: string): Promise<StatusView | undefined> {
      const told = await readFromAgent(join(folder, 'run', router, 'agent.sock'), '/v1/status');
      return told.ok ? told.value : undefined;
    },
    /** The status once it matches; the last one seen when it does not in time. */
    until: (router: string, match: (status: RouterStatus) => boolean): Promise<RouterStatus | undefined> =>
      eventually(
        () => machine.status(router),
        (status) => status !== undefined && match(status),
      ),
    /** The table of ours with handles and without counters; empty text where there is none. */
    table: (): string => withoutCounters(run('nft', '-a', 'list', 'table', 'inet', 'causeway').stdout),
    birdPid(router: string): number | undefined {
      const file = join(folder, 'run', router, 'bird.pid');
      return existsSync(file) ? Number(readFileSync(file, 'utf8').trim()) : undefined;
    },
    close(): void {
      for (const agent of agents) agent.kill('SIGKILL');
      const pids = spawnSync('ip', ['netns', 'pids', netns], { encoding: 'utf8' }).stdout.split('\n').filter(Boolean);
      for (const pid of pids) spawnSync('kill', ['-9', pid]);
      spawnSync('ip', ['netns', 'del', netns]);
      rmSync(folder, { recursive: true, force: true });
    },
  };

  execFileSync('ip', ['netns', 'add', netns]);
  must('ip', 'link', 'set', 'lo', 'up');
  for (const [i, link] of ['eth0', 'eth1'].entries()) {
    must('ip', 'link', 'add', link, 'type', 'veth', 'peer', 'name', `far${i}`);
    must('ip', 'link', 'set', link, 'up');
    must('ip', 'link', 'set', `far${i}`, 'up');
    must('ip', 'addr', 'add', `10.${i}.255.1/24`, 'dev', link);
  }
  return machine;
}

function withoutCounters(text: string): string {
  return text.replace(/packets \d+ bytes \d+/g, 'packets N bytes N');
}

/** The end of one machine's cable that nobody holds becomes the other's eth0, without an address: two routers on one wire. */
export function joinMachines(near: Machine, far: Machine): void {
  far.must('ip', 'link', 'del', 'eth0');
  near.must('ip', 'link', 'set', 'far0', 'netns', far.netns, 'name', 'eth0');
  far.must('ip', 'link', 'set', 'eth0', 'up');
}
