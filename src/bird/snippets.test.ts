/** The user's own BIRD text: what is refused before BIRD sees it, and how an error of BIRD's is traced back to its file. */
import { describe, expect, it } from 'vitest';
import { checkSnippet, locateInSnippets, printSnippetError, printSnippets, snippetFunctions } from './snippets.ts';

const check = (text: string): string | undefined => {
  const checked = checkSnippet({ file: 'mine.conf', text });
  return checked.ok ? undefined : printSnippetError(checked.error);
};

describe('a snippet', () => {
  it.each([
    ['nothing', ''],
    ['comments alone', '# one\n/* two\n include "x"; */\n'],
    ['a function', 'function user_in() int a; { a = 1; if net ~ [ 10.0.0.0/8+ ] then return false; return true; }'],
    ['a filter', 'filter user_f { if bgp_path ~ [= * 65010 * =] then reject; accept; }\n'],
    ['definitions', 'define user_as = 65010;\ndefine user_set = [ 10.0.0.0/8{8,24}, 2001:db8::/32+ ];'],
    [
      'a table and a protocol',
      'ipv4 table user_t;\nprotocol static user_s { ipv4 { table user_t; }; route 10.9.0.0/16 via "eth0"; }',
    ],
    ['a template', 'template bgp user_b { local as 65010; }'],
    ['words that are refused elsewhere, in strings', 'function user_x() { print "include log; }"; }'],
  ])('may hold %s', (_, text) => {
    expect(check(text)).toBeUndefined();
  });

  it.each([
    ['log "/tmp/x" all;', 'mine.conf:1: log: only function'],
    ['\n\nrouter id 1.2.3.4;', 'mine.conf:3: router id: only function'],
    ['debug protocols all;', 'mine.conf:1: debug protocols: only function'],
    ['function user_x() { }\ninclude "/etc/passwd";', 'mine.conf:2: include is not possible here'],
    ['function user_x() {\ninclude "/etc/passwd";\n}', 'mine.conf:2: include is not possible here'],
    ['eval 1;', 'mine.conf:1: eval 1: only function'],
    ['function cw_import_x() { return true; }', 'mine.conf:1: function cw_import_x: a name of yours begins with user_'],
    ['/* one\n*/ protocol bgp mine {\n}', 'mine.conf:2: protocol bgp mine: a name of yours begins with user_'],
    ['protocol bgp { }', 'mine.conf:1: protocol bgp: only function'],
    ['function user_x() {', 'mine.conf:1: { is not closed'],
    ['}\nrouter id 1.1.1.1;', 'mine.conf:1: } closes nothing'],
    ['function user_x() { ( } )', 'mine.conf:1: } closes nothing'],
    ['/* forgotten', 'mine.conf:1: a comment is not closed'],
    ['define user_x = "forgotten;\n', 'mine.conf:1: a string is not closed'],
    ['function user_x() {\n if net.len < 9 then accept;\n return true; }', 'mine.conf:2: a function must not accept'],
    ['function user_x() {\n case net.len { 1: accept; } return true; }', 'mine.conf:2: a function must not accept'],
    ['define user_x = 3', 'mine.conf:1: the last statement does not end'],
    ['define user_x = 3;\n\0', 'mine.conf:2: holds a NUL byte'],
  ])('is refused for %j', (text, message) => {
    expect(check(text)).toContain(message);
  });

  it('of a megabyte is looked at without a wait that anybody notices', () => {
    const text = 'define user_x = [ 10.0.0.0/8+ ]; # and so on\n'.repeat(23_000);
    expect(check(text)).toBeUndefined();
  });

  it('says which functions it defines', () => {
    const text = 'define user_a = 1;\nfunction user_b() { }\nfilter user_c { accept; }\nfunction user_d(int x) { }';
    expect([...snippetFunctions([{ file: 'a', text }])]).toEqual(['user_b', 'user_d']);
  });
});

describe("an error of BIRD's", () => {
  const snippets = [
    { file: 'a.conf', text: 'define user_a = 1;\n' },
    { file: 'b.conf', text: 'define user_b = 1;\ndefine user_c = ;' },
  ];
  const config = `router id 1.1.1.1;\n\n${printSnippets(snippets)}\nprotocol device { }\n`;
  const lineOf = (text: string): number => config.split('\n').indexOf(text) + 1;
  const located = (line: number) => locateInSnippets(`/run/bird.conf.next:${line}:17 syntax error`, config, snippets);

  it('is told with the file and the line it lies in', () => {
    expect(located(lineOf('define user_c = ;'))).toBe('b.conf:2:17 syntax error');
    expect(located(lineOf('define user_a = 1;'))).toBe('a.conf:1:17 syntax error');
  });

  it('is none of a snippet where it lies in what we wrote', () => {
    expect(located(1)).toBeUndefined();
    expect(located(lineOf('protocol device { }'))).toBeUndefined();
    expect(locateInSnippets('no line at all', config, snippets)).toBeUndefined();
  });
});
