import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { type Bench, makeBench } from './cli-process.ts';

let bench: Bench;
beforeAll(async () => {
  bench = await makeBench();
});
afterAll(() => bench.remove());

const size = (...options: readonly string[]) => bench.run(['size', ...options]);
const small = ['--spokes', '20', '--prefixes', '1000', '--flows', '10000'];

describe('size', () => {
  it('names the smallest machine that carries a small hub', async () => {
    const { code, stdout, stderr } = await size(...small);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(/^Smallest that carries the router .*: c7gn\.medium\.$/m);
  });

  it.each([
    ['json', (text: string) => JSON.parse(text)],
    ['yaml', (text: string) => parse(text)],
  ] as const)('says the same as %s, in bytes', async (format, read) => {
    const view = read((await size(...small, '--routers', '2', '-o', format)).stdout);
    expect(view).toMatchObject({
      plan: { spokes: 20, sessions: 20, routers: 2 },
      paths: 2000,
      smallest: ['c7gn.medium'],
    });
    const parts: number[] = Object.values(view.parts);
    expect(view.totalBytes).toBe(parts.reduce((sum, bytes) => sum + bytes, 0));
  });

  it('ends with 1 when no machine is large enough', async () => {
    const { code, stdout } = await size('--spokes', '1', '--prefixes', '0', '--flows', '1000000000');
    expect(code).toBe(1);
    expect(stdout).toMatch(/^None of these carries/m);
  });

  it.each([
    ['what is missing', ['--spokes', '1', '--prefixes', '1'], /--flows/],
    [
      'a hub without spokes',
      ['--spokes', '0', '--prefixes', '1', '--flows', '1'],
      /--spokes takes a whole number from 1/,
    ],
    ['a negative number', ['--spokes', '1', '--prefixes', '-1', '--flows', '1'], /--prefixes takes .*"-1"/],
    ['a word', [...small, '--policies', 'many'], /--policies takes .*"many"/],
    ['a fraction', [...small, '--addresses', '1.5'], /--addresses takes .*"1\.5"/],
    ['nothing', [...small, '--sessions', ''], /--sessions takes .*""/],
    [
      'a slip of the finger',
      [...small, '--sessions', '99999999999'],
      /--sessions takes a whole number .* to 1000000000/,
    ],
    [
      'more IPv6 prefixes than prefixes',
      [...small, '--ipv6-prefixes', '1001'],
      /--ipv6-prefixes are some of --prefixes/,
    ],
    ['three routers', [...small, '--routers', '3'], /--routers takes 1 or 2/],
  ])('refuses %s', async (_, options, message) => {
    const { code, stdout, stderr } = await size(...options);
    expect({ code, stdout }).toEqual({ code: 64, stdout: '' });
    expect(stderr).toMatch(message);
  });
});
