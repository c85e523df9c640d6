import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { evaluateSelector } from './evaluate.ts';
import { parseSelector } from './parse.ts';
import { printSelector } from './print.ts';
import { conjoin, namespaceTerm, prefixKeys, serviceAccountTerm } from './rewrite.ts';
import type { Selector } from './selector.ts';

function parsed(text: string): Selector {
  const result = parseSelector(text);
  if (!result.ok) throw new Error(`${text}: ${result.error.message} at ${result.error.offset}`);
  return result.value;
}

describe('what parses, and its canonical text', () => {
  it.each([
    ['', 'all()'],
    [' \t', 'all()'],
    ['all( )', 'all()'],
    ['global(\t)', 'global()'],
    ['has( a )', 'has(a)'],
    ["a=='b'", 'a == "b"'],
    [`a == 'say "hi"'`, `a == 'say "hi"'`],
    ['a!="b"', 'a != "b"'],
    ['a == "x\\n\ny"', 'a == "x\\n\ny"'],
    ['a == ""', 'a == ""'],
    ['a contains"b"', 'a contains "b"'],
    ['a startswith "b"', 'a starts with "b"'],
    ['a starts \t with "b"', 'a starts with "b"'],
    ['a endswith"b"', 'a ends with "b"'],
    ['a notin{"b"}', 'a not in {"b"}'],
    ['a not  in {"b"}', 'a not in {"b"}'],
    ['a in {"c","b","b",}', 'a in {"b", "c"}'],
    ['a in { }', 'a in {}'],
    ['!a == "b"', '!a == "b"'],
    ['!!has(a)', 'has(a)'],
    ['! ! !has(a)', '!has(a)'],
    ['has(a)||has(b)&&has(c)', '(has(a) || (has(b) && has(c)))'],
    ['(has(a)||has(b))&&has(c)', '((has(a) || has(b)) && has(c))'],
    ['has(a) && has(b) && has(c)', '(has(a) && has(b) && has(c))'],
    ['((has(a)))', 'has(a)'],
    ['in in {"a"}', 'in in {"a"}'],
    ['not not in {"a"}', 'not not in {"a"}'],
    ['notin notin {"a"}', 'notin not in {"a"}'],
    ['contains contains "a"', 'contains contains "a"'],
    ['starts starts with "a"', 'starts starts with "a"'],
    ['all == "x"', 'all == "x"'],
    ['has == "x"', 'has == "x"'],
    ['global in {"x"}', 'global in {"x"}'],
    ['has(all)', 'has(all)'],
    ['-/._9 == "x"', '-/._9 == "x"'],
    ['projectcalico.org/namespace == "x"', 'projectcalico.org/namespace == "x"'],
    [`has(${'k'.repeat(512)})`, `has(${'k'.repeat(512)})`],
  ])('%j', (text, canonical) => {
    expect(printSelector(parsed(text))).toBe(canonical);
  });
});

describe('what does not parse, and where', () => {
  it.each([
    ['a', 1],
    ['a = "b"', 2],
    ['a == b', 5],
    ['"b" == a', 0],
    ['a == "b', 5],
    ['a == "b" c', 9],
    ['a == "b"\n', 8],
    ['a ==\r"b"', 4],
    ['a\u00a0== "b"', 1],
    ['()', 1],
    ['(a == "b"', 9],
    ['a == "b")', 8],
    ['has (x)', 4],
    ['has(x', 5],
    ['has()', 4],
    ['has(has(x))', 7],
    ['has("x")', 4],
    ['all(x)', 4],
    ['has(a) in {"x"}', 7],
    ['a in "x"', 5],
    ['a in {"x" "y"}', 10],
    ['a in {,}', 6],
    ['a in {"x",,}', 10],
    ['a in {x}', 6],
    ['a in {"x"', 9],
    ['a instant {"x"}', 2],
    ['a IN {"x"}', 2],
    ['a not {"x"}', 2],
    ['a not inx {"x"}', 2],
    ['a containsx "y"', 2],
    ['a & b', 2],
    ['has(a) & has(b)', 7],
    ['has(a) | has(b)', 7],
    ['has(a) &&', 9],
    ['&& has(a)', 0],
    ['!', 1],
    ['a === "b"', 4],
    ['é == "b"', 0],
    ['a{}', 1],
    [`has(${'k'.repeat(513)})`, 4],
    [`${'k'.repeat(513)} == "x"`, 0],
  ])('%j fails at %d', (text, offset) => {
    const result = parseSelector(text);
    expect(result).toMatchObject({ ok: false, error: { kind: 'syntax', offset } });
  });

  it('is any depth of parentheses that could exhaust the stack', () => {
    expect(parseSelector('('.repeat(100_000)).ok).toBe(false);
    expect(parseSelector(`${'(!'.repeat(100_000)}has(a)${')'.repeat(100_000)}`).ok).toBe(false);
    expect(printSelector(parsed(`${'!'.repeat(100_001)}has(a)`))).toBe('!has(a)');
    const deepest = `${'(!'.repeat(500)}has(a)${')'.repeat(500)}`;
    expect(evaluateSelector(parsed(deepest), { a: '' })).toBe(true);
  });
});

describe('evaluation', () => {
  const labels = { a: 'web-1', empty: '', in: 'x' };
  it.each([
    ['a == "web-1"', true],
    ['a == "WEB-1"', false],
    ['b == ""', false],
    ['a != "x"', true],
    ['a != "web-1"', false],
    ['b != "x"', true],
    ['a in {"x", "web-1", "y"}', true],
    ['a in {"x"}', false],
    ['a in {}', false],
    ['b in {"x"}', false],
    ['a not in {"web-1"}', false],
    ['a not in {}', true],
    ['b not in {"x"}', true],
    ['a contains "b-"', true],
    ['a contains ""', true],
    ['b contains ""', false],
    ['a starts with "we"', true],
    ['a starts with "eb"', false],
    ['b starts with ""', false],
    ['a ends with "-1"', true],
    ['a ends with "web"', false],
    ['b ends with ""', false],
    ['has(empty)', true],
    ['has(b)', false],
    ['has(constructor)', false],
    ['constructor != "x"', true],
    ['all()', true],
    ['global()', true],
    ['!has(b)', true],
    ['!a == "web-1"', false],
    ['has(b) && has(c) || has(a)', true],
    ['has(b) && (has(c) || has(a))', false],
    ['in in {"x"}', true],
  ])('%s is %s', (text, expected) => {
    expect(evaluateSelector(parsed(text), labels)).toBe(expected);
    expect(evaluateSelector(parsed(text), new Map(Object.entries(labels)))).toBe(expected);
  });
});

describe('rewriting', () => {
  it.each([
    ['env == "prod" && !has(x)', '(pcns.env == "prod" && !has(pcns.x))'],
    ['all()', 'has(projectcalico.org/namespace)'],
    ['a == "all()"', 'pcns.a == "all()"'],
  ])('a namespaceSelector %s means %s', (text, expected) => {
    expect(printSelector(namespaceTerm(parsed(text)))).toBe(expected);
  });

  it('gives service-account selectors their own prefix', () => {
    expect(printSelector(serviceAccountTerm(parsed('role in {"b","a"} || all()')))).toBe(
      '(pcsa.role in {"a", "b"} || has(projectcalico.org/serviceaccount))',
    );
  });

  it('conjoins none, one and many', () => {
    expect(printSelector(conjoin([]))).toBe('all()');
    expect(printSelector(conjoin([parsed('has(a)')]))).toBe('has(a)');
    expect(printSelector(conjoin([parsed('has(a)'), parsed('has(b) || has(c)')]))).toBe(
      '(has(a) && (has(b) || has(c)))',
    );
  });

  it('leaves the tree it was given as it was', () => {
    const selector = parsed('!(has(a) && b == "c")');
    prefixKeys(selector, 'p.');
    expect(printSelector(selector)).toBe('!(has(a) && b == "c")');
  });
});

describe('properties', () => {
  const key = fc.constantFrom('a', 'b', 'in', 'has', 'x/y');
  const value = fc.constantFrom('', 'a', 'ab', 'b"', "'c");
  const leaf = fc.oneof(
    fc.constant<Selector>({ kind: 'all' }),
    key.map((k): Selector => ({ kind: 'has', key: k })),
    fc
      .tuple(fc.constantFrom('equal', 'not-equal', 'contains', 'starts-with', 'ends-with'), key, value)
      .map(([kind, k, v]): Selector => ({ kind, key: k, value: v })),
    fc
      .tuple(fc.constantFrom('in', 'not-in'), key, fc.uniqueArray(value, { maxLength: 4 }))
      .map(([kind, k, values]): Selector => ({ kind, key: k, values: [...values].sort() })),
  );
  const tree = fc.letrec<{ tree: Selector }>((tie) => ({
    tree: fc.oneof(
      { maxDepth: 4 },
      leaf,
      leaf.map((operand): Selector => ({ kind: 'not', operand })),
      fc
        .tuple(fc.constantFrom('and', 'or'), fc.array(tie('tree'), { minLength: 2, maxLength: 3 }))
        .map(([kind, operands]): Selector => ({ kind, operands })),
    ),
  })).tree;
  const labels = fc.dictionary(key, value);

  it('the canonical text parses back to the same tree', () => {
    fc.assert(
      fc.property(tree, (selector) => {
        expect(parsed(printSelector(selector))).toEqual(selector);
      }),
      { seed: 1, numRuns: 500 },
    );
  });

  it('a negation is never true together with what it negates', () => {
    fc.assert(
      fc.property(tree, labels, (selector, l) => {
        expect(evaluateSelector({ kind: 'not', operand: selector }, l)).toBe(!evaluateSelector(selector, l));
      }),
      { seed: 2, numRuns: 300 },
    );
  });

  it('any text gives a tree or an error inside the text, never an exception', () => {
    const soup = fc.array(
      fc.constantFrom('a', 'in', 'has(', '(', ')', '{', '}', '"x"', "'", ' ', '!', '==', '&&', '\n'),
    );
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          soup.map((parts) => parts.join('')),
        ),
        (text) => {
          const result = parseSelector(text);
          if (!result.ok) expect(result.error.offset).toBeLessThanOrEqual(text.length);
        },
      ),
      { seed: 3, numRuns: 1000 },
    );
  });
});
