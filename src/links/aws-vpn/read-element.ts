/**
 * Reads values out of elements, and gathers what is wrong with all of them.
 *
 *   XmlElement ─[ElementReader]→ values, problems
 *
 * Invariant: a value that is missing or wrong is undefined and has a problem with its place; a secret's content is in none.
 */
import { type Address, parseAddress } from '../../net/address.ts';
import type { XmlElement, XmlProblem } from './xml-tree.ts';

export interface ElementReader {
  /** The element of that path, each step of which stands once; undefined, with a problem where one stands twice. */
  find(path: string): XmlElement | undefined;
  /** Undefined where the element is missing or empty. */
  text(path: string): string | undefined;
  /** As `text`, and a problem where there is none. */
  requiredText(path: string, use: string): string | undefined;
  integer(path: string, least: number, most: number): number | undefined;
  requiredAddress(path: string, use: string): Address | undefined;
  complain(path: string, reason: string): void;
}

export function makeReader(base: XmlElement, basePath: string, problems: XmlProblem[]): ElementReader {
  const told = new Set<string>();

  /** The element, or the last one above it that is there, for problems to point at. */
  function descend(path: string): { readonly element: XmlElement | undefined; readonly nearest: XmlElement } {
    let nearest = base;
    for (const step of path.split('/').filter(Boolean)) {
      const [first, second] = nearest.children.filter(({ name }) => name === step);
      if (!first) return { element: undefined, nearest };
      if (second) {
        complainAt(second, path, `${step} stands twice`);
        return { element: undefined, nearest };
      }
      nearest = first;
    }
    return { element: nearest, nearest };
  }

  function complainAt({ place }: XmlElement, path: string, reason: string): void {
    // One mistake is told once, however often its place is asked.
    const key = `${place.line}:${place.column} ${reason}`;
    if (told.has(key)) return;
    told.add(key);
    problems.push({ ...place, path: [basePath, path].filter(Boolean).join('/'), reason });
  }

  const complain = (path: string, reason: string) => complainAt(descend(path).nearest, path, reason);

  const text = (path: string) => {
    const { element } = descend(path);
    if (!element || element.children.length === 0) return element?.text || undefined;
    complainAt(element, path, 'holds elements in the place of a value');
    return undefined;
  };

  const requiredText = (path: string, use: string) => {
    const found = text(path);
    if (found === undefined) complain(path, `is missing: it is ${use}`);
    return found;
  };

  return {
    find: (path) => descend(path).element,
    text,
    requiredText,
    integer(path, least, most) {
      const found = text(path);
      if (found === undefined) return undefined;
      const number = Number(found);
      if (/^[0-9]{1,10}$/.test(found) && number >= least && number <= most) return number;
      complain(path, `${shown(found)} is no whole number from ${least} to ${most}`);
      return undefined;
    },
    requiredAddress(path, use) {
      const found = requiredText(path, use);
      if (found === undefined) return undefined;
      const address = parseAddress(found);
      if (address === undefined) complain(path, `${shown(found)} is no IP address`);
      return address;
    },
    complain,
  };
}

export function shown(value: string): string {
  return JSON.stringify(value.length > 40 ? `${value.slice(0, 40)}…` : value);
}
