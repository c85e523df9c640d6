/** A lab lives in a sandbox: it can be entered, it cannot reach out, and nothing of it stays behind, however it ends. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../../lab/eventually.ts';
import { leakedMounts, processesOf, readHostState } from '../../lab/host-state.ts';
import { causewayProgram, packageRoot } from '../../lab/package-root.ts';
import { findSandbox, isRunning, type Sandbox, stopSandbox } from '../../lab/sandbox/sandbox.ts';

const labFile = `${packageRoot()}/test/lab/fixtures/tiny.yaml`;

interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

function causeway(...argv: string[]): Promise<Outcome> {
  return new Promise((resolve) => {
    const child = spawn(causewayProgram(), argv, { stdio: ['ignore', 'pipe', 'pipe'] });
    let stdout = '';
    let stderr = '';
    child.stdout.on('data', (chunk: Buffer) => {
      stdout += chunk;
    });
    child.stderr.on('data', (chunk: Buffer) => {
      stderr += chunk;
    });
    child.once('close', (code) => resolve({ code: code ?? -1, stdout, stderr }));
  });
}

async function labUp(): Promise<void> {
  const { code, stderr } = await causeway('lab', 'up', labFile);
  expect(code, stderr).toBe(0);
}

/** Starts the demo of a lab, which owns its sandbox, and waits until it has printed a text. */
async function startOwned(file: string, until: string): Promise<ChildProcess> {
  const child = spawn(causewayProgram(), ['lab', 'demo', file], { stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  child.stdout?.on('data', (chunk: Buffer) => {
    output += chunk;
  });
  await eventually(
    () => output,
    (text) => text.includes(until),
  );
  expect(output).toContain(until);
  return child;
}

/** The sandbox, and what runs in it: at least its first process and two endpoints. */
function lookInside(name = 'tiny'): { sandbox: Sandbox; pids: readonly number[] } {
  const sandbox = findSandbox(name);
  if (!sandbox) throw new Error('the lab is not up');
  const pids = processesOf(sandbox);
  expect(pids.length).toBeGreaterThanOrEqual(3);
  return { sandbox, pids };
}

async function expectNothingLeft(pids: readonly number[], before: Readonly<Record<string, string>>): Promise<void> {
  const left = await eventually(
    () => pids.filter(isRunning),
    (list) => list.length === 0,
  );
  expect(left).toEqual([]);
  expect(findSandbox('tiny')).toBeUndefined();
  expect(leakedMounts()).toEqual([]);
  // Tests of other parts may add and remove things of their own at the same time.
  const after = await eventually(readHostState, (state) => JSON.stringify(state) === JSON.stringify(before));
  expect(after).toEqual(before);
}

beforeAll(() => {
  execFileSync(causewayProgram(), ['version']);
});

afterEach(async () => {
  const sandbox = findSandbox('tiny');
  if (sandbox) await stopSandbox(sandbox);
});

describe('a lab', () => {
  it('is brought up, listed, entered and taken down, and leaves nothing behind', async () => {
    const before = readHostState();
    await labUp();
    const { sandbox, pids } = lookInside();

    const listed = await causeway('lab', 'list', '-o', 'json');
    expect(JSON.parse(listed.stdout)).toContainEqual(
      expect.objectContaining({ name: 'tiny', file: labFile, process: sandbox.init }),
    );
    const ping = await causeway('lab', 'exec', 'tiny', 'bob', '--', 'ping', '-c', '1', '-W', '2', '192.0.2.1');
    expect(ping.code).toBe(0);
    expect(await causeway('lab', 'exec', 'tiny', 'bob', '--', 'sh', '-c', 'exit 7')).toMatchObject({ code: 7 });
    expect(await causeway('lab', 'check', labFile)).toMatchObject({ code: 0 });

    expect(await causeway('lab', 'down', 'tiny')).toMatchObject({ code: 0 });
    await expectNothingLeft(pids, before);
  });

  it('refuses to be brought up twice', async () => {
    await labUp();
    const second = await causeway('lab', 'up', labFile);
    expect(second.code).toBe(1);
    expect(second.stderr).toContain('lab tiny is up since');
  });

  it('cannot write to the host from inside', async () => {
    await labUp();
    for (const path of ['/etc/causeway-was-here', `${packageRoot()}/causeway-was-here`, '/usr/causeway-was-here']) {
      const touched = await causeway('lab', 'exec', 'tiny', 'bob', '--', 'touch', path);
      expect(touched.stderr).toContain('Read-only file system');
    }
    const private_ = await causeway('lab', 'exec', 'tiny', 'bob', '--', 'touch', '/run/mine', '/var/lib/mine');
    expect(private_.code).toBe(0);
  });

  it.each([
    { signal: 'SIGINT', code: 0 },
    { signal: 'SIGTERM', code: 0 },
    { signal: 'SIGKILL', code: null },
  ] as const)('vanishes when its owner gets $signal', async ({ signal, code }) => {
    const before = readHostState();
    const owner = await startOwned(labFile, 'until Ctrl-C');
    const { pids } = lookInside();
    const ended = once(owner, 'exit');
    owner.kill(signal);
    expect((await ended)[0]).toBe(code);
    await expectNothingLeft(pids, before);
  });

  it('vanishes when its owner is interrupted while daemons are being started', async () => {
    const before = readHostState();
    const owner = await startOwned(`${packageRoot()}/examples/hybrid`, 'BIRD, FRR and the agents');
    const { pids } = lookInside('hybrid');
    const ended = once(owner, 'exit');
    owner.kill('SIGINT');
    expect((await ended)[0]).toBe(130);
    await expectNothingLeft(pids, before);
    expect(findSandbox('hybrid')).toBeUndefined();
  });

  it.each(['keeper', 'init'] as const)('vanishes when its %s is killed', async (which) => {
    const before = readHostState();
    await labUp();
    const { sandbox, pids } = lookInside();
    process.kill(sandbox[which], 'SIGKILL');
    await expectNothingLeft(pids, before);
  });

  it('says what is wrong in words', async () => {
    expect((await causeway('lab', 'down', 'nowhere')).stderr).toContain('lab nowhere is not up');
    expect((await causeway('lab', 'up', '/nowhere/lab.yaml')).stderr).toContain('cannot read it: ENOENT');
    expect((await causeway('lab', 'check', labFile)).stderr).toContain('lab tiny is not up: start it with');
  });
});
