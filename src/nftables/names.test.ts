import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { rules } from '../verdict/policy.fixture.ts';
import { expandLogPrefix } from './log-prefix.ts';
import { commentText, objectName, quoteInterface } from './names.ts';

describe('a name', () => {
  it('is safe in nft and fits, whatever it is made of', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 300 }), fc.string({ maxLength: 300 }), (stem, identity) => {
        expect(objectName('local-in-ep', stem, identity)).toMatch(/^[a-zA-Z0-9_.-]{1,100}$/);
      }),
      { seed: 1 },
    );
  });

  it('tells apart what only looks alike', () => {
    expect(objectName('x', 'a b', 'a b')).not.toBe(objectName('x', 'a-b', 'a-b'));
  });
});

describe('a comment', () => {
  it('never ends its quotes, and fits', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 400, unit: 'binary' }), (text) => {
        expect(commentText(text)).toMatch(/^[\x20-\x21\x23-\x5b\x5d-\x7e]{0,127}$/);
      }),
      { seed: 2 },
    );
  });

  it('keeps the rule when the name is too long', () => {
    const long = commentText(`GlobalNetworkPolicy/${'a'.repeat(250)} ingress[12]`);
    expect(long).toMatch(/^GlobalNetworkPolicy\/a+~[a-z2-7]{8}~a+ ingress\[12\]$/);
  });
});

describe('a log prefix', () => {
  const [, policy] = rules('web', 'security', {});

  it.each([
    ['calico-packet', 'calico-packet: '],
    ['%t %k %n %p', 'security GlobalNetworkPolicy web web: '],
    ['100%', '100%: '],
    ['%x', '%x: '],
    ['$HOME "quoted" \\', '_HOME _quoted_ _: '],
  ])('%s', (written, expanded) => {
    expect(expandLogPrefix(written, policy)).toBe(expanded);
  });

  it('is cut to what nft takes', () => {
    expect(expandLogPrefix('x'.repeat(300), policy)).toHaveLength(127);
  });
});

it('refuses to name an interface that nft cannot', () => {
  expect(quoteInterface('eth0.101')).toBe('"eth0.101"');
  for (const name of ['a"b', 'eth*', 'a b', '', 'x'.repeat(16)])
    expect(() => quoteInterface(name)).toThrow('cannot be written');
});
