/**
 * A data center that announces more than the 100 prefixes that Amazon takes, by Direct Connect and by a virtual private gateway.
 *
 * The tests go in the order of the file, on one lab: each mends what it broke.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../../lab/eventually.ts';
import { expectAll, reach, route } from '../../lab/expectations.ts';
import { loadLab, openLab, type RunningLab } from '../../lab/harness.ts';
import { causewayProgram, packageRoot } from '../../lab/package-root.ts';
import { mustRun } from '../../lab/sandbox/run.ts';
import { pathInside } from '../../lab/sandbox/sandbox.ts';
import { expectWhole } from './expect-lab.ts';

/** Beside the /16 that the data center announces always. */
const more = Array.from({ length: 100 }, (_, index) => `10.10.${index + 1}.0/24`);
let lab: RunningLab;

beforeAll(async () => {
  execFileSync(causewayProgram(), ['version']);
  lab = await openLab(loadLab(`${packageRoot()}/examples/links`));
  await expectWhole(lab);
});

afterAll(async () => {
  await lab?.down();
});

/** Has the data center announce prefixes, or not any more. */
async function announce(prefixes: readonly string[], isOn = true): Promise<void> {
  const no = isOn ? '' : 'no ';
  const lines = [
    ...prefixes.map((prefix) => `${no}ip route ${prefix} Null0`),
    'router bgp 65010',
    'address-family ipv4 unicast',
    ...prefixes.map((prefix) => `${no}network ${prefix}`),
  ];
  const file = '/run/lab/dc.announced.conf';
  writeFileSync(pathInside(lab.sandbox, file), `${lines.join('\n')}\n`);
  await mustRun(lab.sandbox, ['vtysh', '-N', 'dc', '-f', file], { node: 'dc' });
}

/** How many prefixes of the data center one of Amazon's ends holds. */
async function countHeld(node: 'dx' | 'vgw', session: string): Promise<number> {
  const argv = ['birdc', '-s', `/run/lab/${node}.ctl`, 'show', 'route', 'protocol', session, 'count'];
  const { stdout } = await lab.exec(node, argv);
  return Number(/^(\d+) of/m.exec(stdout)?.[1]);
}

async function expectHeld(node: 'dx' | 'vgw', session: string, count: number): Promise<void> {
  const held = await eventually(
    () => countHeld(node, session),
    (now) => now === count,
  );
  expect(held, `${session} of ${node}`).toBe(count);
}

/** Whether the router says that a limit is reached, and what it says of the peer. */
async function expectLimits(router: string, isReached: boolean): Promise<void> {
  const limits = await eventually(
    () => lab.causeway(['limits', '--router', router, '--check']),
    ({ code }) => (code === 1) === isReached,
  );
  expect(limits.stdout.includes('EXCEEDED'), limits.stdout + limits.stderr).toBe(isReached);
  expect(limits.code).toBe(isReached ? 1 : 0);
}

describe('101 prefixes for who takes 100', () => {
  it('are 100 by our own limit: no session falls, and what waits is said', async () => {
    await announce(more);
    await expectHeld('dx', 'customer', 100);
    for (const session of ['tunnel1', 'tunnel2']) await expectHeld('vgw', session, 100);
    for (const router of ['dc-edge', 'hub1']) await expectLimits(router, true);
    const peers = await lab.causeway(['peers', '--router', 'dc-edge']);
    expect(peers.stdout).toMatch(/edge-dx .*Established.* IPv4 export limit reached/);
    await expectWhole(lab);
    await expectAll(lab, [reach('app1', 'db1', 'tcp/5432')]);
  });

  it('have the one that waited pass when another goes', async () => {
    await announce(more.slice(0, 2), false);
    await expectHeld('dx', 'customer', 99);
    for (const session of ['tunnel1', 'tunnel2']) await expectHeld('vgw', session, 99);
    for (const router of ['dc-edge', 'hub1']) await expectLimits(router, false);
  });

  it('end the session of Amazon where the limit was raised, and it is back when they are fewer', async () => {
    const written = readFileSync(resolve(lab.lab.folder, 'resources/attachments.yaml'), 'utf8');
    const raised = written.replace(
      'asNumber: 64513',
      'asNumber: 64513\n    maxPrefixes: { export: { ipv4: { limit: 1000 } } }',
    );
    await mustRun(lab.sandbox, [causewayProgram(), 'apply', '-f', '-'], { input: raised });
    await announce(more.slice(0, 2));
    await expectAll(lab, [route('dc-edge', '10.20.0.0/16')]);
    const ended = await lab.exec('dx', ['birdc', '-s', '/run/lab/dx.ctl', 'show', 'protocols', 'customer']);
    expect(ended.stdout).toContain('Route limit exceeded');
    const status = await eventually(
      () => lab.causeway(['status', '--router', 'dc-edge']),
      ({ stdout }) => stdout.includes('5 of 6 established'),
    );
    expect(status.stdout).toMatch(/Sessions: +5 of 6 established/);

    await announce(more, false);
    await mustRun(lab.sandbox, [causewayProgram(), 'apply', '-f', '-'], { input: written });
    await mustRun(lab.sandbox, ['birdc', '-s', '/run/lab/dx.ctl', 'enable', 'customer'], { node: 'dx' });
    await expectWhole(lab);
    await expectHeld('dx', 'customer', 1);
    for (const router of ['dc-edge', 'hub1']) await expectLimits(router, false);
  });
});
