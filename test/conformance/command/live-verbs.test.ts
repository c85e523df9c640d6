/** Verbs that ask an agent, where there is none, where there are two, and where a user may not ask. */
import { mkdirSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Bench, makeBench } from './cli-process.ts';

let bench: Bench;
const servers: Server[] = [];

beforeAll(async () => {
  bench = await makeBench();
});
afterAll(() => {
  for (const server of servers) server.close();
  bench.remove();
});

/** Somebody accepts connections where the agents of these routers would. */
async function runFolderOf(name: string, ...routers: string[]): Promise<string> {
  const folder = join(bench.folder, name);
  mkdirSync(folder);
  for (const router of routers) {
    mkdirSync(join(folder, router));
    const server = createServer();
    servers.push(server);
    await new Promise<void>((done) => server.listen(join(folder, router, 'agent.sock'), done));
  }
  return folder;
}

describe('a verb that asks an agent', () => {
  it.each(['status', 'flows', 'policy', 'peers', 'routes'])('%s ends with 69 where none runs', async (verb) => {
    const none = await bench.run([verb, '--run-dir', join(bench.folder, 'none')]);
    expect(none).toMatchObject({ code: 69, stdout: '' });
    expect(none.stderr).toContain('start one with causeway agent --router NAME');
  });

  it('ends with 64 where several run and none is named', async () => {
    const runDir = await runFolderOf('two', 'tr1', 'tr2');
    for (const verb of ['status', 'flows']) {
      const several = await bench.run([verb, '--run-dir', runDir]);
      expect(several).toMatchObject({ code: 64, stdout: '' });
      expect(several.stderr).toBe('error: several agents run here: say which with --router tr1 | tr2\n');
    }
  });
});

describe('flows', () => {
  it.each(['5', '-5m', 'soon', '99999999999999h'])('refuses --since %s as a mistake', async (since) => {
    const refused = await bench.run(['flows', `--since=${since}`]);
    expect(refused).toMatchObject({ code: 64, stdout: '' });
    expect(refused.stderr).toContain('--since takes a duration, such as 5m');
  });
});

describe('explain packet', () => {
  it.each([['--send'], ['--wait', '5']])('refuses %s without --live', async (...flags) => {
    const packet = ['--in', 'eth0', '--src', '10.0.0.1', '--dst', '10.0.0.2', '--protocol', 'tcp', '--dport', '80'];
    const refused = await bench.run(['explain', 'packet', ...packet, ...flags]);
    expect(refused).toMatchObject({ code: 64, stdout: '' });
    expect(refused.stderr).toContain(`${flags[0]} is for --live`);
  });
});

describe('doctor', () => {
  it('calls nothing fine that it may not look at', async () => {
    const { stdout } = await bench.run(['doctor', '-o', 'json'], { powerless: true });
    const findings = JSON.parse(stdout) as { check: string; result: string; fix: string }[];
    const chains = findings.find(({ check }) => check === 'other forward chains');
    expect(chains).toMatchObject({ result: 'warning', fix: 'run causeway doctor as root' });
  });
});

describe('any verb', () => {
  it('names the help of the very command that was wrong', async () => {
    const packet = await bench.run(['explain', 'packet']);
    expect(packet.stderr).toContain('(see "causeway explain packet --help")');
    const selector = await bench.run(['selector', 'eval']);
    expect(selector.stderr).toContain('(see "causeway selector eval --help")');
  });

  it('prints no escape sequence of an option that it does not know', async () => {
    const unknown = await bench.run(['flows', '--\u001b[31mred']);
    expect(unknown.code).toBe(64);
    expect(unknown.stderr).toContain("unknown option '--?[31mred'");
  });
});
