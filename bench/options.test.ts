import { describe, expect, it } from 'vitest';
import { parseOptions } from './options.ts';

describe('parseOptions', () => {
  it('runs everything when nothing is said', () => {
    expect(parseOptions([])).toMatchObject({
      ok: true,
      value: {
        isQuick: false,
        parts: ['forwarding', 'compile', 'change', 'agent', 'routing', 'failover', 'links', 'size'],
        outFile: '.cache/bench.json',
      },
    });
  });

  it('keeps the order of parts whatever the order asked for', () => {
    const parsed = parseOptions(['--only', 'change', '--only=forwarding', '--core', '0']);
    expect(parsed).toMatchObject({ ok: true, value: { parts: ['forwarding', 'change'], core: 0 } });
  });

  it.each([
    [['--only', 'forwardign'], /forwardign.*forwarding, compile, change/],
    [['--core', 'x'], /--core x/],
    [['--core', '64'], /--core 64/],
    [['--fast'], /--fast/],
    [['stray'], /stray/],
    [['--write', '--quick'], /--write.*--quick/],
    [['--write', '--only', 'agent'], /--write.*size/],
  ])('says what is wrong with %j', (args, message) => {
    const parsed = parseOptions(args);
    expect(parsed.ok ? '' : parsed.error).toMatch(message);
  });
});
