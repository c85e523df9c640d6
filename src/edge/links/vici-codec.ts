/**
 * The bytes of VICI's messages.
 *
 *   ViciSection ─[encodeMessage]→ bytes → charon        charon → bytes ─[decodeMessage]→ ViciSection
 *
 * Format: README of strongSwan's vici plugin, "Message format". Numbers are big-endian.
 * Invariant: what decodes encodes to the same bytes; bytes that are no message decode to undefined, never to a part of one.
 */
import { isList, type ViciSection, type ViciValue } from '../../links/ipsec/vici-message.ts';

const element = { sectionStart: 1, sectionEnd: 2, keyValue: 3, listStart: 4, listItem: 5, listEnd: 6 } as const;

export function encodeMessage(message: ViciSection): Buffer {
  return Buffer.concat(encodeEntries(message));
}

function encodeEntries(section: ViciSection): Buffer[] {
  return Object.entries(section).flatMap(([key, value]) => {
    if (typeof value === 'string') return [tagged(element.keyValue), shortText(key), longText(value)];
    if (isList(value)) {
      const items = value.flatMap((item) => [tagged(element.listItem), longText(item)]);
      return [tagged(element.listStart), shortText(key), ...items, tagged(element.listEnd)];
    }
    return [tagged(element.sectionStart), shortText(key), ...encodeEntries(value), tagged(element.sectionEnd)];
  });
}

const tagged = (type: number): Buffer => Buffer.of(type);

/** With its length in one byte before it. */
export function shortText(text: string): Buffer {
  const bytes = Buffer.from(text);
  if (bytes.length > 0xff) throw new RangeError('a VICI name is longer than 255 bytes');
  return Buffer.concat([Buffer.of(bytes.length), bytes]);
}

function longText(text: string): Buffer {
  const bytes = Buffer.from(text);
  if (bytes.length > 0xffff) throw new RangeError('a VICI value is longer than 65,535 bytes');
  return Buffer.concat([Buffer.of(bytes.length >> 8, bytes.length & 0xff), bytes]);
}

interface OpenSection {
  /** In the section around it. */
  readonly key: string;
  readonly entries: Map<string, ViciValue>;
}

export function decodeMessage(bytes: Buffer): ViciSection | undefined {
  const reader = createReader(bytes);
  const open: OpenSection[] = [{ key: '', entries: new Map() }];
  let list: { readonly key: string; readonly items: string[] } | undefined;
  while (!reader.isAtEnd()) {
    const type = reader.byte();
    const top = open.at(-1);
    if (top === undefined) return undefined;
    if (list) {
      if (type === element.listItem) {
        const item = reader.text(2);
        if (item === undefined) return undefined;
        list.items.push(item);
      } else if (type === element.listEnd) {
        top.entries.set(list.key, list.items);
        list = undefined;
      } else return undefined;
      continue;
    }
    if (type === element.sectionEnd) {
      open.pop();
      open.at(-1)?.entries.set(top.key, Object.fromEntries(top.entries));
      continue;
    }
    const key = reader.text(1);
    if (key === undefined) return undefined;
    if (type === element.sectionStart) open.push({ key, entries: new Map() });
    else if (type === element.listStart) list = { key, items: [] };
    else if (type === element.keyValue) {
      const value = reader.text(2);
      if (value === undefined) return undefined;
      top.entries.set(key, value);
    } else return undefined;
  }
  const [root, ...unclosed] = open;
  return root === undefined || unclosed.length > 0 || list ? undefined : Object.fromEntries(root.entries);
}

function createReader(bytes: Buffer) {
  let at = 0;
  return {
    isAtEnd: (): boolean => at >= bytes.length,
    byte: (): number | undefined => bytes[at++],
    /** Undefined where the bytes end before the text does. */
    text(lengthBytes: 1 | 2): string | undefined {
      if (at + lengthBytes > bytes.length) return undefined;
      const start = at + lengthBytes;
      const end = start + bytes.readUIntBE(at, lengthBytes);
      if (end > bytes.length) return undefined;
      at = end;
      return bytes.toString('utf8', start, end);
    },
  };
}
