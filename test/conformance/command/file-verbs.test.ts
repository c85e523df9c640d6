import { mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { verbs } from '../../../src/cli/verbs.ts';
import { type Bench, makeBench, program } from './cli-process.ts';

let bench: Bench;
let network: string;

beforeAll(async () => {
  bench = await makeBench();
  network = bench.write('network.yaml', resources);
});
afterAll(() => bench.remove());

const resources = `
apiVersion: causeway.dev/v1
kind: Router
metadata: {name: tr1}
spec:
  asNumber: 64520
  interfaces:
  - {name: eth0, addresses: [10.0.0.1/24], labels: {role: edge}}
  - {name: eth1, addresses: [10.1.0.1/24]}
---
apiVersion: causeway.dev/v1
kind: Site
metadata: {name: dc}
spec: {type: datacenter, prefixes: [192.168.0.0/16]}
---
apiVersion: causeway.dev/v1
kind: Attachment
metadata: {name: tr1-dc, labels: {role: edge}}
spec:
  router: tr1
  site: dc
  link: {interface: {name: eth0}}
  addresses: {local: [10.0.0.1/24], remote: [10.0.0.2]}
  bgp: {asNumber: 65010, password: {secretRef: {name: dc, key: md5}}}
---
apiVersion: projectcalico.org/v3
kind: GlobalNetworkPolicy
metadata: {name: web}
spec:
  selector: role == 'edge'
  applyOnForward: true
  ingress:
  - {action: Allow, protocol: TCP, destination: {ports: [443]}}
`;

describe('validate', () => {
  it('says how many resources are fine', async () => {
    const valid = await bench.run(['validate', '-f', network]);
    expect(valid).toMatchObject({ code: 0, stdout: 'Successfully validated 4 resource(s)\n' });
  });

  it('reads a file once, however often and however it is named', async () => {
    const twice = await bench.run(['validate', '-f', network, '-f', './network.yaml']);
    expect(twice).toMatchObject({ code: 0, stdout: 'Successfully validated 4 resource(s)\n' });
  });

  it('tells what is wrong in the files it can read beside those it cannot', async () => {
    bench.write('wrong.yaml', 'apiVersion: projectcalico.org/v3\nkind: Tier\nmetadata: {name: a.b}\n');
    const { code, stdout } = await bench.run(['validate', '-o', 'json', '-f', 'nope.yaml', '-f', 'wrong.yaml']);
    expect(code).toBe(1);
    const keys = ['file', 'line', 'column', 'kind', 'name', 'field', 'value', 'reason'];
    const errors = JSON.parse(stdout) as Record<string, unknown>[];
    expect(errors.map((error) => Object.keys(error))).toEqual(errors.map(() => keys));
    expect(errors.map(({ file }) => file)).toEqual(['nope.yaml', 'wrong.yaml']);
  });

  it('passes over a folder without resources where --skip-empty says so', async () => {
    mkdirSync(join(bench.folder, 'empty'));
    expect(await bench.run(['validate', '-f', 'empty'])).toMatchObject({ code: 1 });
    const skipped = await bench.run(['validate', '-f', 'empty', '--skip-empty', '-o', 'json']);
    expect(skipped).toMatchObject({ code: 0, stdout: '[]\n', stderr: '' });
  });

  it('gives the same as YAML', async () => {
    expect(await bench.run(['validate', '-o', 'yaml', '-f', network])).toMatchObject({ code: 0, stdout: '[]\n' });
    const wrong = await bench.run(['validate', '-o', 'yaml', '-f', '-'], { input: 'kind: Tier' });
    expect(wrong.code).toBe(1);
    expect(wrong.stdout).toContain('- file: <stdin>\n  line: 1\n');
  });

  it('gives [] or the list of errors as JSON', async () => {
    expect(await bench.run(['validate', '-o', 'json', '-f', network])).toMatchObject({ code: 0, stdout: '[]\n' });
    const file = bench.write('wrong.yaml', resources.replace('10.0.0.1/24], labels', '10.0.0.1/99], labels'));
    const wrong = await bench.run(['validate', '-o', 'json', '-f', file]);
    expect(wrong).toMatchObject({ code: 1, stderr: '' });
    const [error] = JSON.parse(wrong.stdout);
    expect(Object.keys(error)).toEqual(['file', 'line', 'column', 'kind', 'name', 'field', 'value', 'reason']);
    expect(error).toMatchObject({
      file,
      line: 8,
      kind: 'Router',
      name: 'tr1',
      field: 'spec.interfaces[0].addresses[0]',
    });
  });

  it('warns of what other files or the store may hold, and refuses what cannot be true', async () => {
    const policy = resources.slice(resources.lastIndexOf('---\n')).replace('spec:', 'spec:\n  tier: elsewhere');
    const alone = await bench.run(['validate', '-f', '-'], { input: policy });
    expect(alone).toMatchObject({ code: 0 });
    expect(alone.stderr).toMatch(/^warning: <stdin>:\d+:\d+: GlobalNetworkPolicy\/web spec.tier: /);
    const pool = (name: string) =>
      `apiVersion: projectcalico.org/v3\nkind: IPPool\nmetadata: {name: ${name}}\nspec: {cidr: 10.0.0.0/16}\n`;
    const overlap = await bench.run(['validate', '-f', '-'], { input: `${pool('a')}---\n${pool('b')}` });
    expect(overlap).toMatchObject({ code: 1, stdout: '' });
  });

  it.each([
    ['binary junk', 'a\u0000b', 'not a text file'],
    ['an unknown kind', 'apiVersion: v1\nkind: Pod\nmetadata: {name: a}\n', 'Pod'],
    ['nothing', '', 'no resources specified'],
  ])('says what is wrong with %s', async (_, text, reason) => {
    const wrong = await bench.run(['validate', '-f', '-'], { input: text });
    expect(wrong).toMatchObject({ code: 1, stdout: '' });
    expect(wrong.stderr).toContain('<stdin>');
    expect(wrong.stderr).toContain(reason);
  });

  it('says what becomes of forwarded packets that no policy speaks of', async () => {
    const open = resources.replace('asNumber: 64520', 'asNumber: 64520\n  forwarding: {defaultAction: Allow}');
    const node = `apiVersion: projectcalico.org/v3\nkind: Node\nmetadata: {name: gw}\n---\napiVersion: projectcalico.org/v3\nkind: HostEndpoint\nmetadata: {name: h}\nspec: {node: gw, interfaceName: eth0, profiles: [projectcalico-default-allow]}\n`;
    const said = async (input: string) => (await bench.run(['validate', '-f', '-'], { input })).stderr;
    expect(await said(resources)).toMatch(/^forwarding of tr1: closed where no policy allows .*Deny/m);
    expect(await said(open)).toMatch(/^forwarding of tr1: OPEN where no policy speaks .*Allow/m);
    expect(await said(node)).toMatch(/^forwarding of gw: OPEN where no policy speaks .*Node alone/m);
  });

  it('gives warnings and forwarding as JSON where they are asked for, and the same exit code', async () => {
    const policy =
      'apiVersion: projectcalico.org/v3\nkind: GlobalNetworkPolicy\nmetadata: {name: lost}\nspec: {tier: gone, selector: all(), ingress: []}\n';
    const input = `${resources}---\n${policy}`;
    const plain = await bench.run(['validate', '-f', '-', '-o', 'json'], { input });
    expect(plain).toMatchObject({ code: 0, stdout: '[]\n', stderr: '' });
    const { code, stdout } = await bench.run(['validate', '-f', '-', '-o', 'json', '--warnings'], { input });
    const { errors, warnings, routers } = JSON.parse(stdout);
    expect({ code, errors, routers }).toEqual({
      code: 0,
      errors: [],
      routers: [{ router: 'tr1', describedBy: 'Router', defaultAction: 'Deny' }],
    });
    const found = warnings.filter(({ name }: { name: string }) => name === 'lost');
    expect(found).toMatchObject([{ file: '<stdin>', kind: 'GlobalNetworkPolicy', field: 'spec.tier' }]);
    expect(Object.keys(found[0])).toEqual(['file', 'line', 'column', 'kind', 'name', 'field', 'value', 'reason']);
  });

  it('looks as the router that is named, and knows when there is none', async () => {
    expect(await bench.run(['validate', '-f', network, '--router', 'tr1'])).toMatchObject({ code: 0 });
    expect(await bench.run(['validate', '-f', network, '--router', 'tr9'])).toMatchObject({ code: 1, stdout: '' });
  });

  it('reads folders, deeper ones with -R, and follows no circle', async () => {
    const folder = join(bench.folder, 'tree');
    mkdirSync(join(folder, 'deep'), { recursive: true });
    symlinkSync('..', join(folder, 'deep', 'up'));
    bench.write('tree/a.yml', resources);
    bench.write('tree/ignored.txt', 'junk: [');
    bench.write(
      'tree/deep/b.json',
      JSON.stringify({ apiVersion: 'causeway.dev/v1', kind: 'Segment', metadata: { name: 's' } }),
    );
    expect((await bench.run(['validate', '-f', 'tree'])).stdout).toContain('4 resource(s)');
    expect((await bench.run(['validate', '-f', 'tree', '-R'])).stdout).toContain('5 resource(s)');
    mkdirSync(join(bench.folder, 'outer', 'inner'), { recursive: true });
    const empty = await bench.run(['validate', '-f', 'outer']);
    expect(empty.stderr).toContain('-R looks into folders inside');
  });

  it('lets no escape sequence of a file reach the terminal', async () => {
    const text = resources.replace('name: tr1}', 'name: "\\e[31mred"}');
    const wrong = await bench.run(['validate', '-f', '-'], { input: text });
    expect(wrong).toMatchObject({ code: 1, stdout: '' });
    expect(wrong.stderr).not.toContain('\u001b');
  });

  it('complains of every path that cannot be read', async () => {
    const wrong = await bench.run(['validate', '-f', 'no1', '-f', 'no2']);
    expect(wrong.stderr).toContain('no1: no such file or folder\nno2: no such file or folder\n');
  });
});

describe('render', () => {
  it('prints equal bytes for equal files, and a placeholder for a password', async () => {
    const [one, two] = await Promise.all([1, 2].map(() => bench.run(['render', '-f', network, '--router', 'tr1'])));
    expect(one?.code).toBe(0);
    expect(one?.stdout).toBe(two?.stdout);
    expect(one?.stdout).toContain('# ---- nft ----');
    expect(one?.stdout).toContain('# ---- bird ----');
    expect(one?.stdout).toContain('"<secret dc/md5>"');
  });

  it('prints one target alone, and facts as JSON', async () => {
    const nft = await bench.run(['render', '-f', network, '--router', 'tr1', '--target', 'nft']);
    expect(nft.stdout).toMatch(/table inet causeway/);
    expect(nft.stdout).not.toContain('# ----');
    const facts = await bench.run(['render', '-f', network, '--router', 'tr1', '--target', 'facts', '-o', 'json']);
    expect(JSON.parse(facts.stdout)).toMatchObject({
      router: 'tr1',
      sessions: [{ neighbor: '10.0.0.2', remoteAS: 65010 }],
    });
    const all = await bench.run(['render', '-f', network, '--router', 'tr1', '-o', 'json']);
    expect(Object.keys(JSON.parse(all.stdout))).toEqual(['router', 'nft', 'bird', 'facts', 'warnings']);
  });

  it.each([
    [['render', '-f', 'network.yaml'], 64, '--router'],
    [['render', '-f', 'network.yaml', '--router', 'tr9'], 1, 'there are tr1'],
    [['render', '-f', 'network.yaml', '--router', 'tr1', '--target', 'ipt'], 64, 'Allowed choices'],
    [['render', '-f', 'network.yml', '--router', 'tr1'], 1, 'no such file'],
  ])('%j: an error', async (argv, code, reason) => {
    const finished = await bench.run(argv);
    expect(finished).toMatchObject({ code, stdout: '' });
    expect(finished.stderr).toContain(reason);
  });
});

describe('explain packet', () => {
  const packet = ['explain', 'packet', '-f', 'network.yaml', '--router', 'tr1'];

  it('names the rule and its place', async () => {
    const flags = ['--in', 'eth0', '--src', '192.168.0.9', '--dst', '10.1.0.9', '--protocol', 'tcp', '--dport', '443'];
    const explained = await bench.run([...packet, ...flags, '-o', 'json']);
    expect(JSON.parse(explained.stdout)).toMatchObject({
      verdict: 'accept',
      stage: 'forward-ingress',
      rule: { kind: 'GlobalNetworkPolicy', name: 'web', tier: 'default', direction: 'ingress', index: 0 },
      file: 'network.yaml',
      line: 33,
    });
    expect((await bench.run([...packet, ...flags])).stdout).toMatch(/^accept: .*network\.yaml:33/);
  });

  it('gives the same as YAML', async () => {
    const flags = ['--in', 'eth0', '--src', '192.168.0.9', '--dst', '10.1.0.9', '--protocol', 'tcp', '--dport', '443'];
    const [json, yaml] = await Promise.all(
      ['json', 'yaml'].map((format) => bench.run([...packet, ...flags, '-o', format])),
    );
    expect(parse(yaml?.stdout ?? '')).toEqual(JSON.parse(json?.stdout ?? ''));
  });

  it('answers a line for each line', async () => {
    const lines = [
      { in: 'eth0', src: '192.168.0.9', dst: '10.1.0.9', protocol: 'tcp', dport: 443 },
      { in: 'eth0', src: '192.168.0.9', dst: '10.1.0.9', protocol: 'tcp', dport: 80 },
      { in: 'eth0', src: '192.168.0.9', dst: '10.1.0.9' },
    ].map((line) => JSON.stringify(line));
    const explained = await bench.run([...packet, '--stdin'], { input: lines.join('\n') });
    const answers = explained.stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(answers).toMatchObject([{ verdict: 'accept' }, { verdict: 'drop' }, { error: 'protocol is missing' }]);
    expect(explained.code).toBe(1);
  });

  it('says of each rule that did not match which term failed, at its line, where that is asked for', async () => {
    const flags = ['--in', 'eth0', '--src', '192.168.0.9', '--dst', '10.1.0.9', '--protocol', 'tcp', '--dport', '80'];
    const missed = /ingress\[0\]: no match for Allow: destination port 80 is not 443 \(.*network\.yaml:33\)/;
    expect((await bench.run([...packet, ...flags])).stdout).not.toMatch(missed);
    expect((await bench.run([...packet, ...flags, '--verbose'])).stdout).toMatch(missed);
    const { trace, ends } = JSON.parse((await bench.run([...packet, ...flags, '-o', 'json'])).stdout);
    expect(trace).toContainEqual(expect.objectContaining({ event: 'rule-missed', line: 33 }));
    expect(ends).toMatchObject({ source: { address: '192.168.0.9' }, destination: { address: '10.1.0.9' } });
  });

  it.each([
    [['-f', 'network.yaml', '--router', 'tr1', '--live'], '--live is for a running router'],
    [['--send'], '--send is for --live'],
    [['--live', '--wait', '0'], '--wait takes 1 to 3600 seconds'],
    [['-f', 'network.yaml', '--locate', 'x'], '--locate is for a running router'],
  ])('%j is a slip', async (argv, stderr) => {
    const finished = await bench.run(['explain', 'packet', ...argv]);
    expect(finished).toMatchObject({ code: 64, stdout: '' });
    expect(finished.stderr).toContain(stderr);
  });

  it('tells every mistake in the question at once', async () => {
    const wrong = await bench.run([...packet, '--src', 'x', '--dport', '99999', '--protocol', 'tcp']);
    expect(wrong.code).toBe(64);
    expect(wrong.stderr).toContain('--src "x" is no IP address');
    expect(wrong.stderr).toContain('--dst is missing');
    expect(wrong.stderr).toContain('--dport "99999" is not a number');
  });
});

describe('selector eval', () => {
  it.each([
    [["a == 'b'", 'a=b'], 0, 'true\n', ''],
    [["a == 'b'", 'a=c'], 1, 'false\n', ''],
    [['!has(x)'], 0, 'true\n', ''],
    [["a = 'b'"], 1, '', 'error: at character 3: expected an operator'],
    [["a == 'b'", 'nonsense'], 64, '', 'write key=value'],
    [[], 64, '', 'say which selector'],
  ])('%j', async (argv, code, stdout, stderr) => {
    const finished = await bench.run(['selector', 'eval', ...argv]);
    expect(finished).toMatchObject({ code, stdout });
    expect(finished.stderr).toContain(stderr);
  });

  it('gives a line for each line, whatever stands in it', async () => {
    const lines = [
      '{"selector": "a == \'b\'", "labels": {"a": "b"}}',
      '{"selector": "a == \'b\'", "labels": {}}',
      '{"selector": "a ==", "labels": {}}',
      'junk',
      '',
      '{"labels": {}}',
      '{"selector": "all()", "labels": {"a": 1}}',
      '{"selector": "has(a)"}',
    ];
    const finished = await bench.run(['selector', 'eval', '--stdin'], { input: `${lines.join('\n')}\n` });
    const answers = finished.stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(answers.map(({ valid, matches, error }) => [valid, matches, typeof error])).toEqual([
      [true, true, 'object'],
      [true, false, 'object'],
      ...Array.from({ length: 5 }, () => [false, null, 'string']),
      [true, false, 'object'],
    ]);
    expect(finished.code).toBe(0);
  });

  it('answers a hundred thousand lines', async () => {
    const line = '{"selector": "app == \'web\' && env in {\'a\', \'b\'}", "labels": {"app": "web", "env": "b"}}\n';
    const finished = await bench.run(['selector', 'eval', '--stdin'], { input: line.repeat(100_000) });
    expect(finished.stdout.length).toBe(100_000 * '{"valid":true,"matches":true,"error":null}\n'.length);
  });
});

describe('every verb', () => {
  it.each(verbs.map(({ name }) => name))('%s has help with examples', async (name) => {
    const words = { explain: ['explain', 'packet'], selector: ['selector', 'eval'] }[name] ?? [name];
    const help = await bench.run([...words, '--help']);
    expect(help).toMatchObject({ code: 0, stderr: '' });
    expect(help.stdout).toContain('Examples:');
    expect(help.stdout).toContain('--store');
  });

  it('wants to be named', async () => {
    expect(await bench.run([])).toMatchObject({ code: 64, stdout: '' });
    expect(await bench.run(['--help'])).toMatchObject({ code: 0, stderr: '' });
  });
});

describe('version and completion', () => {
  it('shows examples in the help of every verb, or of what is below it', { timeout: 60_000 }, async () => {
    const below = async (path: readonly string[]): Promise<string[]> => {
      const { stdout } = await bench.run([...path, '--help']);
      const listed = /^Commands:\n((?: {2}.*\n)*)/m.exec(stdout)?.[1] ?? '';
      const words = [...listed.matchAll(/^ {2}([a-z-]+)/gm)]
        .map(([, word = '']) => word)
        .filter((word) => word !== 'help');
      if (words.length === 0) return /^Examples:\n {2}\S/m.test(stdout) ? [] : [path.join(' ')];
      return (await Promise.all(words.map((word) => below([...path, word])))).flat();
    };
    expect(await below([])).toEqual([]);
  });

  it('prints the version, from any folder and by a link', async () => {
    symlinkSync(program, join(bench.folder, 'linked'));
    expect((await bench.run(['version'], { cwd: '/' })).stdout).toMatch(/^causeway \d+\.\d+\.\d+ /);
    expect((await bench.run(['--version'])).stdout).toMatch(/^causeway \d+\.\d+\.\d+\n$/);
    expect(JSON.parse((await bench.run(['version', '-o', 'json'])).stdout)).toMatchObject({
      version: expect.any(String),
    });
  });

  it.each([
    ['bash', 'complete -o filenames -F _causeway causeway'],
    ['zsh', '#compdef causeway'],
    ['fish', "complete -c causeway -n '__fish_use_subcommand'"],
  ])('%s completion knows verbs and kinds', async (shell, line) => {
    const script = await bench.run(['completion', shell]);
    expect(script).toMatchObject({ code: 0, stderr: '' });
    expect(script.stdout).toContain(line);
    for (const word of ['validate', 'explain', 'globalnetworkpolicy', '--filename'.slice(shell === 'fish' ? 2 : 0)]) {
      expect(script.stdout).toContain(word);
    }
  });

  it('knows no completion for other shells', async () => {
    expect(await bench.run(['completion', 'tcsh'])).toMatchObject({ code: 64, stdout: '' });
  });
});
