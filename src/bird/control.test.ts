import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parsePrefix } from '../net/prefix.ts';
import { type BirdCommand, createReplyReader, isSuccess, printCommand } from './control.ts';

const statusText = [
  '1000-BIRD 2.0.12',
  '1011-Router ID is 10.255.0.1',
  ' Hostname is vm',
  '0013 Daemon is up and running',
  '',
].join('\n');

describe('replies', () => {
  it('are runs of lines up to a code and a space; continuations keep the code before them', () => {
    expect(createReplyReader().push(statusText)).toEqual([
      {
        code: 13,
        message: 'Daemon is up and running',
        lines: [
          { code: 1000, text: 'BIRD 2.0.12' },
          { code: 1011, text: 'Router ID is 10.255.0.1' },
          { code: 1011, text: 'Hostname is vm' },
          { code: 13, text: 'Daemon is up and running' },
        ],
      },
    ]);
  });

  it('are the same however the bytes arrive', () => {
    const whole = createReplyReader().push(statusText + statusText);
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1 }), (sizes) => {
        const reader = createReplyReader();
        const replies = [];
        let rest = statusText + statusText;
        for (let i = 0; rest !== ''; i++) {
          const size = sizes[i % sizes.length] ?? 1;
          replies.push(...reader.push(rest.slice(0, size)));
          rest = rest.slice(size);
        }
        expect(replies).toEqual(whole);
      }),
      { seed: 1, numRuns: 50 },
    );
  });

  it('pass over log output and garbage', () => {
    expect(createReplyReader().push('+ <INFO> hello\n orphan\nnonsense\n0000 \n')).toMatchObject([
      { code: 0, message: '' },
    ]);
  });
});

it.each<[number, boolean]>([
  [0, true],
  [3, true],
  [4, true],
  [18, true],
  [6, false],
  [1000, false],
  [8002, false],
  [9001, false],
])('code %i means success: %s', (code, expected) => {
  expect(isSuccess({ code, message: '', lines: [] })).toBe(expected);
});

describe('commands', () => {
  it.each<[BirdCommand, string]>([
    [
      { kind: 'configure', path: '/run/a b/bird.conf', undoAfterSeconds: 30 },
      'configure "/run/a b/bird.conf" timeout 30\n',
    ],
    [{ kind: 'configure-check', path: '/x' }, 'configure check "/x"\n'],
    [{ kind: 'confirm' }, 'configure confirm\n'],
    [{ kind: 'undo' }, 'configure undo\n'],
    [{ kind: 'show-routes', session: 'attachment_dc' }, 'show route all protocol cw_attachment_dc\n'],
    [{ kind: 'show-routes', exportedTo: 'attachment_dc' }, 'show route all exported cw_attachment_dc\n'],
  ])('%j is %j', (command, text) => {
    expect(printCommand(command)).toBe(text);
  });

  it.each([
    ['10.0.0.0/8', undefined, 'show route in 10.0.0.0/8 where net.len > 8 && (source', ''],
    ['2001:db8::/32', 's', 'show route in 2001:db8::/32 where net.len > 32 && (source', ' && proto != "cw_s"'],
  ])('counts what lies inside %s, but for its only session', (text, except, begin, end) => {
    const aggregate = parsePrefix(text);
    const command = aggregate && printCommand({ kind: 'count-members', aggregate, except });
    expect(command?.startsWith(begin)).toBe(true);
    expect(command?.endsWith(`dest != RTD_UNREACHABLE${end} count\n`)).toBe(true);
  });

  it('cannot be made of two lines', () => {
    expect(printCommand({ kind: 'show-routes', session: 'x\ndown' })).toMatch(
      /^show route all protocol cw_x_down_\w+\n$/,
    );
    expect(() => printCommand({ kind: 'configure', path: 'x"\ndown', undoAfterSeconds: 1 })).toThrow();
    expect(() => printCommand({ kind: 'reload-out', protocol: 'x\ndown' })).toThrow();
  });
});
