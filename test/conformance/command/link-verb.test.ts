/** `causeway link import aws-vpn` as its users run it: what is printed, what is written, and what never is. */
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { firstTunnel, secondTunnel, staticVpnXml, vpnXml } from '../../../src/links/aws-vpn/vpn-connection.fixture.ts';
import { type Bench, type Finished, makeBench } from './cli-process.ts';

let bench: Bench;
beforeAll(async () => {
  bench = await makeBench();
});
afterAll(() => bench.remove());

const keys = [firstTunnel.key, secondTunnel.key];
const importXml = (xml: string, ...options: readonly string[]): Promise<Finished> =>
  bench.run(['link', 'import', 'aws-vpn', bench.write('vpn.xml', xml), '--router', 'tr1', '--site', 'a', ...options]);

/** A folder of its own for each test, not there yet. */
const fresh = (name: string) => join(bench.folder, name);

describe('link import aws-vpn', () => {
  it('prints an Attachment that validates, and says which files it needs', async () => {
    const { code, stdout, stderr } = await importXml(vpnXml());
    expect(code).toBe(0);
    for (const key of keys) expect(stdout + stderr).not.toContain(key);
    expect(stderr).toMatch(/tunnel 2 belongs into \/etc\/causeway\/secrets\/vpn-0a1b2c3d4e5f60718\/psk-2, mode 0600/);
    const validated = await bench.run(['validate', '-f', '-'], { input: stdout });
    expect(validated).toMatchObject({ code: 0, stdout: "Successfully validated 1 'Attachment' resource(s)\n" });
  });

  it('reads stdin, and takes a name', async () => {
    const argv = ['link', 'import', 'aws-vpn', '-', '--router', 'tr1', '--site', 'a', '--name', 'spoke-a'];
    const { code, stdout } = await bench.run(argv, { input: vpnXml() });
    expect(code).toBe(0);
    expect(stdout).toMatch(/^metadata:\n {2}name: spoke-a$/m);
  });

  it('writes the keys where their owner alone can read them, and the Attachment beside none of them', async () => {
    const [secrets, output] = [fresh('secrets'), fresh('network')];
    const { code, stdout, stderr } = await importXml(vpnXml(), '--secrets', secrets, '--output', output);
    expect({ code, stdout }).toEqual({ code: 0, stdout: '' });
    for (const key of keys) expect(stderr).not.toContain(key);
    const folder = join(secrets, 'vpn-0a1b2c3d4e5f60718');
    expect(readdirSync(folder).sort()).toEqual(['psk-1', 'psk-2']);
    expect(readdirSync(folder).map((file) => statSync(join(folder, file)).mode & 0o777)).toEqual([0o600, 0o600]);
    expect(readFileSync(join(folder, 'psk-2'), 'utf8')).toBe(`${secondTunnel.key}\n`);
    expect(readdirSync(output)).toEqual(['vpn-0a1b2c3d4e5f60718.yaml']);
    // Twice is no contradiction.
    expect((await importXml(vpnXml(), '--secrets', secrets, '--output', output)).code).toBe(0);
  });

  it('follows the file when told to, and says where that is unwise', async () => {
    const { code, stdout, stderr } = await importXml(vpnXml(), '--proposals', 'file');
    expect(code).toBe(0);
    expect(stdout).toMatch(/^ {10}- aes128-sha1-modp1024$/m);
    expect(stderr).toMatch(/^warning: Attachment\/\S+ spec\.link\.ipsec\.ike\.proposals\[0\]: modp1024 is weak/m);
  });

  it('prints the keys when told to', async () => {
    const { stdout, stderr } = await importXml(vpnXml(), '--show-secrets');
    for (const key of keys) {
      expect(stderr).toContain(key);
      expect(stdout).not.toContain(key);
    }
  });

  it('replaces no other key, unless told to', async () => {
    const secrets = fresh('kept');
    mkdirSync(join(secrets, 'vpn-0a1b2c3d4e5f60718'), { recursive: true });
    const kept = join(secrets, 'vpn-0a1b2c3d4e5f60718', 'psk-2');
    writeFileSync(kept, 'of somebody else\n');
    const refused = await importXml(vpnXml(), '--secrets', secrets);
    expect(refused).toMatchObject({ code: 1, stdout: '' });
    expect(refused.stderr).toContain(`${kept} says something else: --overwrite replaces it`);
    expect(readFileSync(kept, 'utf8')).toBe('of somebody else\n');
    expect(existsSync(join(secrets, 'vpn-0a1b2c3d4e5f60718', 'psk-1'))).toBe(false);
    expect((await importXml(vpnXml(), '--secrets', secrets, '--overwrite')).code).toBe(0);
    expect(readFileSync(kept, 'utf8')).toBe(`${secondTunnel.key}\n`);
  });

  it('writes nothing when one file cannot be written', async () => {
    const [secrets, output] = [fresh('whole'), bench.write('no-folder', '')];
    const { code, stdout, stderr } = await importXml(vpnXml(), '--secrets', secrets, '--output', output);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toMatch(/^error: /m);
    const left = existsSync(secrets) ? readdirSync(secrets, { recursive: true, withFileTypes: true }) : [];
    expect(left.filter((entry) => entry.isFile())).toEqual([]);
  });

  it('says everything that is wrong at its place, and writes nothing', async () => {
    const secrets = fresh('unwritten');
    const xml = vpnXml().replace('169.254.44.42', '10.0.0.2').replace('<retries>3', '<retries>many');
    const { code, stdout, stderr } = await importXml(xml, '--secrets', secrets, '--output', secrets);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    const lines = stderr.trimEnd().split('\n');
    expect(lines).toHaveLength(3);
    expect(lines[0]).toMatch(/vpn\.xml:10:9: vpn_connection\/ipsec_tunnel\[1\]\/.*: 10\.0\.0\.2 is neither in/);
    expect(lines[1]).toMatch(/vpn\.xml:41:\d+: .*\/retries: "many" is no whole number/);
    expect(lines[2]).toBe('failed to import: 2 errors, nothing was written');
    expect(existsSync(secrets)).toBe(false);
  });

  it.each<[string, string, readonly string[], number, RegExp]>([
    ['a static connection without prefixes', staticVpnXml(), [], 1, /NoBGPVPNConnection.*--prefix/],
    ['a prefix that is none', staticVpnXml(), ['--prefix', '10.20.0.1/16'], 1, /spec\.static\.prefixes\[0\]/],
    ['a name that is none', vpnXml(), ['--name', 'Spoke A'], 1, /name/],
    ['a document type', `<!DOCTYPE a SYSTEM "file:///etc/passwd">${vpnXml()}`, [], 1, /vpn\.xml:1:1: .*DTD/],
    ['10 MB', `<a>${'<b/>'.repeat(2_500_000)}</a>`, [], 1, /larger than 1 MiB/],
    ['proposals nobody knows', vpnXml(), ['--proposals', 'weak'], 64, /strong, file/],
  ])('refuses %s', async (_, xml, options, code, reason) => {
    const finished = await importXml(xml, ...options);
    expect(finished).toMatchObject({ code, stdout: '' });
    expect(finished.stderr).toMatch(reason);
  });

  it('refuses a file that is not there, and a folder', async () => {
    const options = ['--router', 'tr1', '--site', 'a'];
    const missing = await bench.run(['link', 'import', 'aws-vpn', fresh('gone.xml'), ...options]);
    expect(missing).toMatchObject({ code: 1, stderr: expect.stringContaining('no such file') });
    bench.write('one.yaml', 'kind: Site');
    const folder = await bench.run(['link', 'import', 'aws-vpn', bench.folder, ...options]);
    expect(folder).toMatchObject({ code: 1, stderr: expect.stringContaining('is a folder: name the file') });
  });
});

describe('inside addresses that nobody wrote', () => {
  const end = (name: string, router: string, local: string, peer: string) => `apiVersion: causeway.dev/v1
kind: Router
metadata: {name: ${router}}
spec: {asNumber: ${router === 'r1' ? 64520 : 64521}}
---
apiVersion: causeway.dev/v1
kind: Attachment
metadata: {name: ${name}}
spec:
  router: ${router}
  site: a
  link: {ipsec: {psk: {secretRef: {name: v, key: k}}, tunnels: [{localAddress: ${local}, remoteAddress: ${peer}}]}}
  bgp: {asNumber: ${router === 'r1' ? 64521 : 64520}}
`;
  const [here, there] = [end('x', 'r1', '192.0.2.1', '192.0.2.9'), end('y', 'r2', '192.0.2.9', '192.0.2.1')];
  const site =
    'apiVersion: causeway.dev/v1\nkind: Site\nmetadata: {name: a}\nspec: {type: vpc, prefixes: [10.0.0.0/8]}\n';

  it('are told by validate, and stand in what is stored', async () => {
    const files = [here, there, site].flatMap((text, i) => ['-f', bench.write(`inside-${i}.yaml`, text)]);
    const validated = await bench.run(['validate', ...files]);
    expect(validated.code).toBe(0);
    const [, local, remote] =
      /tunnel x-1 \(Attachment x\): (\S+)\/30 on r1, (\S+) at the other end/.exec(validated.stderr) ?? [];
    expect(validated.stderr).toContain(`tunnel y-1 (Attachment y): ${remote}/30 on r2, ${local} at the other end`);
    expect((await bench.run(['apply', ...files])).code).toBe(0);
    const stored = await bench.run(['get', 'attachment', 'y', '-o', 'yaml']);
    expect(stored.stdout).toMatch(new RegExp(`local:\\s+- ${remote}/30\\s+remote:\\s+- ${local}\\s`));
  });

  it('are the same when the other end goes, and when more tunnels come', async () => {
    const insideOfX = async (...texts: string[]) => {
      const { stderr } = await bench.run(['validate', '-f', '-'], { input: texts.join('---\n') });
      return /tunnel x-1 .*/.exec(stderr)?.[0];
    };
    const alone = await insideOfX(here);
    expect(alone).toMatch(/169\.254\./);
    expect(await insideOfX(end('a', 'r3', '192.0.2.1', '192.0.2.77'), here, there)).toBe(alone);
  });
});
