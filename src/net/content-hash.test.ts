import { createHash } from 'node:crypto';
import { expect, it } from 'vitest';
import { contentHash, contentNumber, sha256 } from './content-hash.ts';

const texts = ['', 'abc', 'a'.repeat(55), 'a'.repeat(56), 'a'.repeat(64), 'x'.repeat(1000), 'ключ == "значение"', '😀'];

it.each(texts)('agrees with the SHA-256 of OpenSSL on %j', (text) => {
  const bytes = [...Buffer.from(text, 'utf8')];
  expect(Buffer.from(sha256(bytes)).toString('hex')).toBe(createHash('sha256').update(text).digest('hex'));
});

it.each(texts)('hashes the UTF-8 of %j', (text) => {
  const bits = [...createHash('sha256').update(text).digest()]
    .map((byte) => byte.toString(2).padStart(8, '0'))
    .join('');
  const expected = (bits.slice(0, 120).match(/.{5}/g) ?? []).map(
    (five) => 'abcdefghijklmnopqrstuvwxyz234567'[Number.parseInt(five, 2)],
  );
  expect(contentHash(text)).toBe(expected.join(''));
});

it('is a name that nft and BIRD take without quotes', () => {
  for (const text of texts) expect(contentHash(text)).toMatch(/^[a-z2-7]{24}$/);
});

it('keeps lone surrogates apart', () => {
  expect(contentHash('\ud800')).not.toBe(contentHash('\ud801'));
});

it.each(texts)('gives the first 32 bits of the hash of %j as a number', (text) => {
  expect(contentNumber(text)).toBe(createHash('sha256').update(text).digest().readUInt32BE(0));
});
