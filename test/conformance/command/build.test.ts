/** The command in a checkout builds itself when a source is newer: what a process that did so goes on with. */
import { execFileSync } from 'node:child_process';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, it } from 'vitest';

/** Builds, waits a moment for what ends, and names its children: `ps` is one of them. */
const script = `
  const { build } = await import(process.argv[1]);
  await build();
  const { execFileSync } = await import('node:child_process');
  const children = () => execFileSync('ps', ['-o', 'comm=', '--ppid', process.pid], { encoding: 'utf8' });
  for (let i = 0; i < 100 && children().includes('esbuild'); i++) await new Promise((done) => setTimeout(done, 50));
  console.log(children());
`;

it('a build leaves no process behind, which an agent would carry along for as long as it runs', () => {
  const build = pathToFileURL(resolve('scripts', 'build.mjs')).href;
  const said = execFileSync(process.execPath, ['--input-type=module', '-e', script, build], { encoding: 'utf8' });
  expect(said.trim()).toBe('ps');
});
