/**
 * Untrusted XML as a tree of elements, each with its place.
 *
 *   text ─[parseXml]→ XmlElement, or every place where the text is no XML we take
 *
 * Invariant: no document type, so no entity but the five of XML itself; nothing is fetched; size and depth are bounded
 * before they cost anything. Never throws, whatever the bytes.
 */
import { SaxesParser } from 'saxes';
import { indexLines, type Place } from '../../resources/text-lines.ts';
import { err, ok, type Result } from '../../result.ts';

export interface XmlElement {
  readonly name: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly children: readonly XmlElement[];
  /** All character data directly inside, trimmed. */
  readonly text: string;
  readonly place: Place;
}

export interface XmlProblem extends Place {
  /** Names of elements from the root, divided by `/`; empty for the document. */
  readonly path: string;
  /** Never holds what a secret element holds. */
  readonly reason: string;
}

/** What AWS writes has 5 kB and 6 levels. */
const maxLength = 1024 * 1024;
const maxDepth = 32;
/** Of one file that are told. */
export const maxProblems = 20;
/** Characters of a name or a reason. */
const longestShown = 120;

interface OpenElement extends XmlElement {
  readonly children: OpenElement[];
  text: string;
}

export function parseXml(given: string): Result<XmlElement, readonly XmlProblem[]> {
  const text = given.replace(/^\ufeff/, '');
  const start = { path: '', line: 1, column: 1 };
  if (text.length > maxLength) {
    return err([{ ...start, reason: 'is larger than 1 MiB, which no VPN configuration is: give the file of one' }]);
  }
  if (text.trim() === '') return err([{ ...start, reason: 'is empty' }]);
  // What two bytes for each character become when they are read as UTF-8: zeros, and U+FFFD where a byte order mark was.
  if (/^(?:\ufffd{2})?(?:<\u0000|\u0000<)/.test(text)) {
    return err([
      { ...start, reason: 'is UTF-16, as PowerShell writes it: iconv -f UTF-16 -t UTF-8 makes it readable' },
    ]);
  }
  if (/^\s*&lt;/.test(text)) {
    return err([{ ...start, reason: 'is escaped (&lt; for <): give the XML that a program reads out of the answer' }]);
  }
  if (/^\s*[[{"]/.test(text)) {
    const reason = 'is JSON: give the XML inside it (jq -r .VpnConnections[0].CustomerGatewayConfiguration)';
    return err([{ ...start, reason }]);
  }
  return readElements(text);
}

function readElements(text: string): Result<XmlElement, readonly XmlProblem[]> {
  const parser = new SaxesParser({ xmlns: false });
  const placeOf = indexLines(text);
  const problems: XmlProblem[] = [];
  const open: OpenElement[] = [];
  let root: OpenElement | undefined;
  let isTooDeep = false;

  const complain = (reason: string, place: Place) => {
    if (isTooDeep || problems.length >= maxProblems) return;
    problems.push({ ...place, path: open.map(({ name }) => cut(name)).join('/'), reason: cut(reason) });
  };

  parser.on('error', ({ message }) => complain(inWords(message), placeOf(Math.max(0, parser.position - 1))));
  parser.on('doctype', () => {
    const place = placeOf(Math.max(0, text.lastIndexOf('<!DOCTYPE', parser.position)));
    complain('a document type (DTD) is refused: AWS writes none, and one can name other files', place);
  });
  parser.on('opentag', ({ name, attributes }) => {
    const place = placeOf(Math.max(0, text.lastIndexOf(`<${name}`, parser.position)));
    const element: OpenElement = { name, attributes, children: [], text: '', place };
    // Saxes tells of elements after the root too; that they are there is already an error.
    root ??= element;
    if (open.length < maxDepth) open.at(-1)?.children.push(element);
    else {
      complain(`is nested deeper than ${maxDepth} elements`, place);
      isTooDeep = true;
    }
    open.push(element);
  });
  const addText = (piece: string) => {
    const inner = open.at(-1);
    if (inner) inner.text += piece;
  };
  parser.on('text', addText);
  parser.on('cdata', addText);
  parser.on('closetag', () => {
    const closed = open.pop();
    if (closed) closed.text = closed.text.trim();
  });
  parser.write(text).close();

  if (problems.length > 0) return err(problems);
  return root ? ok(root) : err([{ path: '', line: 1, column: 1, reason: 'holds no element' }]);
}

/** A name may be as long as the file. */
function cut(text: string): string {
  return text.length > longestShown ? `${text.slice(0, longestShown)}…` : text;
}

/** Saxes' words without its place, and what to do where users are known to end up. */
function inWords(message: string): string {
  const words = message.replace(/^(?:\d+:\d+: )/, '').replace(/\.$/, '');
  if (words === 'documents may contain only one root') {
    return 'a second document begins: give the file of one VPN connection';
  }
  return `is no well-formed XML: ${words}`;
}
