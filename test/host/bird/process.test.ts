/**
 * BIRD as a process: what is said when it cannot run, and what a run that died in the middle leaves behind.
 */
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { BirdDaemon } from '../../../src/bird/daemon.ts';
import { birdText, resolveFor } from '../../../src/bird/hub.fixture.ts';
import { type BirdDaemonOptions, createBirdDaemon } from '../../../src/edge/bird-process.ts';
import { resource } from '../../../src/resources/resource.fixture.ts';
import { type Cable, eventually, layCable, requirePrograms } from './namespaces.ts';

const textFor = (routerID: string): string =>
  birdText(resolveFor('r', [resource('Router', 'r', { asNumber: 64520, routerID })]).routing);

let cable: Cable;
let bird: BirdDaemon;
const at = (name: string): string => join(cable.dir, 'r', name);
const pid = (): number => Number(readFileSync(at('bird.pid'), 'utf8'));

beforeAll(() => {
  requirePrograms();
  cable = layCable('p');
  bird = createBirdDaemon({ dir: join(cable.dir, 'r'), launcher: cable.at('a') });
});

afterAll(async () => {
  await bird?.stop();
  cable?.remove();
});

it('says so when BIRD is not installed', async () => {
  const missing = createBirdDaemon({ dir: join(cable.dir, 'missing'), birdPath: '/nonexistent/bird' });
  expect(await missing.configure(textFor('1.1.1.1'))).toMatchObject({ ok: false, error: { kind: 'missing-program' } });
});

it('starts nothing with a text that BIRD refuses', async () => {
  expect(await bird.configure('protocol')).toMatchObject({ ok: false, error: { kind: 'refused', subject: 'bird -p' } });
  expect(await bird.adopt()).toBeUndefined();
});

it('keeps the configuration, which holds passwords, from all others', async () => {
  expect(await bird.configure(textFor('1.1.1.1'))).toMatchObject({ ok: true });
  expect([statSync(at('bird.conf')).mode & 0o077, statSync(at('')).mode & 0o077]).toEqual([0, 0]);
});

it('is one process in a session of its own, whoever started it', () => {
  const stat = readFileSync(`/proc/${pid()}/stat`, 'utf8');
  const [, , , session] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  expect(Number(session)).toBe(pid());
});

it('is not taken to run a text that was perhaps never confirmed', async () => {
  writeFileSync(at('bird.conf.next'), textFor('2.2.2.2'));
  const again = createBirdDaemon({ dir: join(cable.dir, 'r'), launcher: cable.at('a') });
  expect(await again.adopt()).toBe('');
  expect(await again.configure(textFor('2.2.2.2'))).toMatchObject({ ok: true });
  expect(await again.adopt()).toBe(textFor('2.2.2.2'));
});

it('is started again after kill -9, with the text asked for then', async () => {
  const before = pid();
  let downs = 0;
  bird.onDown(() => {
    downs++;
  });
  expect(await bird.adopt()).toBe(textFor('2.2.2.2'));
  process.kill(before, 'SIGKILL');
  await eventually(
    'its death is heard of',
    () => downs,
    (count) => count > 0,
  );
  expect(await bird.sessions()).toMatchObject({ ok: false, error: { kind: 'not-running' } });
  expect(await bird.configure(textFor('3.3.3.3'))).toMatchObject({ ok: true });
  expect(pid()).not.toBe(before);
  expect(await bird.adopt()).toBe(textFor('3.3.3.3'));
  expect(downs).toBe(1);
});

describe('a BIRD that does not answer', () => {
  const route = (): string => cable.run('a', 'ip', 'route', 'show', 'proto', 'bird', '198.51.100.0/24');
  const withRoute = (routerID: string): string => {
    const router = resource('Router', 'r', { asNumber: 64520, routerID });
    const site = resource('Site', 's', { type: 'other', prefixes: ['198.51.100.0/24'], segment: 's' });
    const link = resource('Attachment', 'a', {
      router: 'r',
      site: 's',
      link: { interface: { name: 'wire' } },
      addresses: { local: ['192.168.0.1/30'], remote: ['192.168.0.2'] },
      static: { prefixes: ['198.51.100.0/24'] },
    });
    return birdText(resolveFor('r', [router, site, link, resource('Segment', 's', {})]).routing);
  };
  const hasty = (busyMs: number, log: BirdDaemonOptions['log'] = () => undefined): BirdDaemon =>
    createBirdDaemon({ dir: join(cable.dir, 'r'), launcher: cable.at('a'), busyMs, log });

  it('is waited for while it may only be busy', async () => {
    expect(await bird.configure(withRoute('4.4.4.4'))).toMatchObject({ ok: true });
    await eventually('its route is there', route, (text) => text !== '');
    const before = pid();
    process.kill(before, 'SIGSTOP');
    const patient = hasty(20_000);
    const configured = patient.configure(withRoute('5.5.5.5'));
    await eventually(
      'the first attempt has given up',
      () => patient.sessions(),
      (sessions) => !sessions.ok,
    );
    process.kill(before, 'SIGCONT');
    expect(await configured).toMatchObject({ ok: true });
    expect(pid()).toBe(before);
    patient.leave();
  });

  it('is replaced in the end, by one that spares what the kernel holds until the peers are back', async () => {
    const before = pid();
    const said: unknown[] = [];
    const impatient = hasty(100, (...words) => said.push(words));
    process.kill(before, 'SIGSTOP');
    expect(await impatient.configure(withRoute('6.6.6.6'))).toMatchObject({ ok: true });
    expect(pid()).not.toBe(before);
    expect(said).toEqual([
      ['BIRD runs but does not answer; it is killed', {}],
      ['BIRD started', { recovering: true }],
    ]);
    expect(await impatient.sessions()).toMatchObject({ ok: true });
    expect(route()).not.toBe('');
    impatient.leave();
  });
});

it('may be stopped twice', async () => {
  expect(await bird.stop()).toEqual({ ok: true, value: undefined });
  expect(await bird.stop()).toEqual({ ok: true, value: undefined });
});
