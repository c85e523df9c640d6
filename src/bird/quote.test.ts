import { describe, expect, it } from 'vitest';
import { commentText, isInterfacePattern, quotePassword, quoteText } from './quote.ts';

describe('a password', () => {
  it.each(['x', "with spaces # { } ; \\ ' $(rm)", '~'.repeat(80)])('may be %j', (secret) => {
    expect(quotePassword(secret)).toEqual({ ok: true, value: `"${secret}"` });
  });

  it.each(['', '~'.repeat(81), 'a"b', 'a\nb', 'a\rb', 'a\tb', 'a\0b', 'pässword'])('may not be %j', (secret) => {
    const quoted = quotePassword(secret);
    expect(quoted.ok).toBe(false);
    if (!quoted.ok && secret.length > 1) expect(quoted.error.message).not.toContain(secret);
  });
});

it('makes text for people harmless', () => {
  expect(quoteText('a"; protocol x {\n}')).toBe('"a?; protocol x {?}"');
  expect(commentText('a\nrouter id 1.1.1.1;')).toBe('a?router id 1.1.1.1;');
  expect(quoteText('x'.repeat(5000)).length).toBe(202);
});

it.each([
  ['eth*', true],
  ['eth0.101', true],
  ['a"b', false],
  ['', false],
  ['sixteen-letters-', false],
  ['a b', false],
])('%j as an interface pattern: %s', (text, expected) => {
  expect(isInterfacePattern(text)).toBe(expected);
});
