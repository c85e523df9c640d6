/**
 * The control socket by reply code: what is not confirmed is undone, by time or by command, and a hung BIRD is noticed.
 */
import { rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type BirdCommand, replyCodes } from '../../../src/bird/control.ts';
import { birdText, resolveFor } from '../../../src/bird/hub.fixture.ts';
import { type BirdControl, connectBird } from '../../../src/edge/bird-control.ts';
import { resource } from '../../../src/resources/resource.fixture.ts';
import { type Cable, eventually, layCable, requirePrograms } from './namespaces.ts';

let cable: Cable;
let control: BirdControl;
const at = (name: string): string => join(cable.dir, name);

beforeAll(async () => {
  requirePrograms();
  cable = layCable('c');
  for (const id of ['1.1.1.1', '2.2.2.2']) {
    const router = resource('Router', 'r', { asNumber: 64520, routerID: id });
    writeFileSync(at(id), birdText(resolveFor('r', [router]).routing));
  }
  cable.run('a', 'bird', '-c', at('1.1.1.1'), '-s', at('ctl'));
  const connected = await connectBird(at('ctl'));
  if (!connected.ok) throw new Error(connected.error.message);
  control = connected.value;
});

afterAll(async () => {
  await control?.run({ kind: 'down' });
  cable?.remove();
});

async function codeOf(command: BirdCommand): Promise<number> {
  const reply = await control.run(command);
  if (!reply.ok) throw new Error(reply.error.message);
  return reply.value.code;
}

async function routerId(): Promise<string> {
  const reply = await control.run({ kind: 'show-status' });
  return reply.ok ? (reply.value.lines.find(({ code }) => code === 1011)?.text ?? '') : reply.error.message;
}

it('takes a good configuration at its check, and refuses a bad or missing one, by code', async () => {
  writeFileSync(at('bad'), 'protocol');
  expect(await codeOf({ kind: 'configure-check', path: at('2.2.2.2') })).toBe(replyCodes.configurationOk);
  expect(await codeOf({ kind: 'configure-check', path: at('bad') })).toBe(replyCodes.configurationFileError);
  expect(await codeOf({ kind: 'configure-check', path: at('none') })).toBe(replyCodes.configurationFileError);
  expect(await routerId()).toBe('Router ID is 1.1.1.1');
});

it('keeps what is confirmed', async () => {
  expect(await codeOf({ kind: 'configure', path: at('1.1.1.1'), undoAfterSeconds: 60 })).toBeLessThan(6);
  expect(await codeOf({ kind: 'confirm' })).toBe(replyCodes.confirmed);
  expect(await codeOf({ kind: 'confirm' })).toBe(replyCodes.nothingToDo);
});

it('undoes what is not confirmed in time', async () => {
  writeFileSync(at('static'), 'router id 1.1.1.1; protocol device cw_device {} protocol static cw_late { ipv4; }');
  const hasLate = async (): Promise<boolean> => {
    const reply = await control.run({ kind: 'show-protocols' });
    return reply.ok && reply.value.lines.some(({ text }) => text.startsWith('cw_late '));
  };
  expect(await codeOf({ kind: 'configure', path: at('static'), undoAfterSeconds: 3 })).toBeLessThan(6);
  expect(await hasLate()).toBe(true);
  await eventually('it is undone', hasLate, (has) => !has);
  expect(await codeOf({ kind: 'configure', path: at('static'), undoAfterSeconds: 60 })).toBeLessThan(6);
  expect(await hasLate()).toBe(true);
  await eventually(
    'the undo is taken',
    () => codeOf({ kind: 'undo' }),
    (code) => code < 6,
  );
  await eventually('it is undone', hasLate, (has) => !has);
});

it('answers commands in order, however many are sent at once', async () => {
  const kinds = ['show-status', 'show-protocols', 'show-status', 'show-routes'] as const;
  const codes = await Promise.all(kinds.map((kind) => codeOf({ kind })));
  expect(codes).toEqual([13, 0, 13, 0]);
});

it('gives up on a BIRD that does not answer, and says so', async () => {
  const mute = createServer((socket) => socket.write('0001 BIRD ready.\n'));
  await new Promise<void>((resolve) => mute.listen(at('mute'), resolve));
  const connected = await connectBird(at('mute'));
  if (!connected.ok) throw new Error(connected.error.message);
  const { value } = connected;
  expect(await value.run({ kind: 'show-status' }, 50)).toMatchObject({ ok: false, error: { kind: 'timeout' } });
  await value.closed;
  expect(await value.run({ kind: 'show-status' })).toMatchObject({ ok: false, error: { kind: 'not-running' } });
  mute.close();
  rmSync(at('mute'), { force: true });
});

it('says that nobody is there', async () => {
  expect(await connectBird(at('nobody'))).toMatchObject({ ok: false, error: { kind: 'not-running' } });
});
