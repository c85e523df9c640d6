/**
 * Calico's selector language, written a second time from its description alone, for the naive evaluator.
 *
 *   text, labels ─[selects]→ yes or no
 *
 * Invariant: nothing here comes from src/; a text that does not parse is an error of the test.
 */
export type LabelMap = ReadonlyMap<string, string>;

/** How the text is to be read: keys get `prefix`, and `all()` asks for the label `allKey` where one is given. */
export interface Reading {
  readonly prefix?: string;
  readonly allKey?: string | undefined;
}

const tokens = /\s*("[^"]*"|'[^']*'|[A-Za-z0-9_./-]+|&&|\|\||==|!=|[!(){},])/y;

export function selects(text: string, labels: LabelMap, reading: Reading = {}): boolean {
  const words: string[] = [];
  tokens.lastIndex = 0;
  const trimmed = text.trim();
  while (tokens.lastIndex < trimmed.length) {
    const found = tokens.exec(trimmed);
    if (!found) throw new Error(`not a selector: ${text}`);
    words.push(found[1] ?? '');
  }
  if (words.length === 0) return reading.allKey === undefined || labels.has(reading.allKey);
  const rest = [...words];
  const value = readOr(rest, labels, reading);
  if (rest.length > 0) throw new Error(`not a selector: ${text}`);
  return value;
}

function readOr(words: string[], labels: LabelMap, reading: Reading): boolean {
  let value = readAnd(words, labels, reading);
  while (words[0] === '||') {
    words.shift();
    const right = readAnd(words, labels, reading);
    value = value || right;
  }
  return value;
}

function readAnd(words: string[], labels: LabelMap, reading: Reading): boolean {
  let value = readUnary(words, labels, reading);
  while (words[0] === '&&') {
    words.shift();
    const right = readUnary(words, labels, reading);
    value = value && right;
  }
  return value;
}

function readUnary(words: string[], labels: LabelMap, reading: Reading): boolean {
  const word = words.shift() ?? '';
  if (word === '!') return !readUnary(words, labels, reading);
  if (word === '(') {
    const value = readOr(words, labels, reading);
    expectWord(words, ')');
    return value;
  }
  if ((word === 'all' || word === 'has') && words[0] === '(') {
    words.shift();
    const key = word === 'has' ? `${reading.prefix ?? ''}${words.shift()}` : reading.allKey;
    expectWord(words, ')');
    return key === undefined || labels.has(key);
  }
  return readComparison(labels.get(`${reading.prefix ?? ''}${word}`), words);
}

function readComparison(value: string | undefined, words: string[]): boolean {
  let operator = words.shift() ?? '';
  if (operator === 'not' || operator === 'starts' || operator === 'ends') operator += ` ${words.shift()}`;
  const listed = words[0] === '{' ? readSet(words) : [unquote(words.shift())];
  const [text = ''] = listed;
  switch (operator) {
    case '==':
      return value === text;
    case '!=':
      return value !== text;
    case 'contains':
      return value?.includes(text) ?? false;
    case 'starts with':
      return value?.startsWith(text) ?? false;
    case 'ends with':
      return value?.endsWith(text) ?? false;
    case 'in':
      return value !== undefined && listed.includes(value);
    case 'not in':
      return value === undefined || !listed.includes(value);
  }
  throw new Error(`no operator: ${operator}`);
}

function readSet(words: string[]): string[] {
  const members: string[] = [];
  words.shift();
  while (words[0] !== '}') {
    if (words[0] === ',') words.shift();
    else members.push(unquote(words.shift()));
  }
  words.shift();
  return members;
}

function unquote(word: string | undefined): string {
  if (word === undefined || !/^["']/.test(word)) throw new Error(`no string: ${word}`);
  return word.slice(1, -1);
}

function expectWord(words: string[], wanted: string): void {
  if (words.shift() !== wanted) throw new Error(`${wanted} is missing`);
}
