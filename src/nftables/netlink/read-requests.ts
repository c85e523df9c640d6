/**
 * What is asked of nf_tables (linux/netfilter/nf_tables.h).
 *
 *   RequestKind ─[encodeRequest]→ one datagram ─▶ kernel ─▶ Message* ─▶ read-table.ts
 */
import { type AttributeWriter, readAttributes, readU32 } from '../../netlink/attributes.ts';
import { type Message, messageFlags, subsystems, writeMessage } from '../../netlink/message.ts';
import { tableName } from '../ruleset.ts';
import { newMessages } from './read-table.ts';

/** Of our table; `chains` gives those of every table. */
export type TableRequest =
  | { readonly kind: 'generation' }
  | { readonly kind: 'table' }
  | { readonly kind: 'chains' }
  | { readonly kind: 'chain'; readonly name: string }
  | { readonly kind: 'rules'; readonly chain: string | undefined }
  | { readonly kind: 'sets' }
  | { readonly kind: 'objects' }
  | { readonly kind: 'flowtables' }
  | { readonly kind: 'set'; readonly name: string }
  | { readonly kind: 'elements'; readonly set: string }
  /** One element by its key: the attributes NFTA_SET_ELEM_KEY and, where it has them, KEY_END and FLAGS. */
  | { readonly kind: 'element'; readonly set: string; readonly key: Uint8Array };

const inet = 1;

const requestTypes = {
  generation: 16,
  table: 1,
  chains: 4,
  chain: 4,
  rules: 7,
  sets: 10,
  set: 10,
  elements: 13,
  element: 13,
  objects: 19,
  flowtables: 23,
} as const satisfies Record<TableRequest['kind'], number>;

export function encodeRequest(writer: AttributeWriter, sequence: number, request: TableRequest): void {
  const flags = dumps.has(request.kind) ? messageFlags.dump : 0;
  const type = requestTypes[request.kind];
  writeMessage(writer, { subsystem: subsystems.nftables, type, flags, sequence, family: inet }, () => {
    switch (request.kind) {
      case 'generation':
      case 'chains':
        return;
      case 'table':
      case 'sets':
      case 'objects':
      case 'flowtables':
        writer.text(1, tableName);
        return;
      case 'chain':
        writer.text(1, tableName);
        writer.text(3, request.name);
        return;
      case 'rules':
        writer.text(1, tableName);
        if (request.chain !== undefined) writer.text(2, request.chain);
        return;
      case 'set':
        writer.text(1, tableName);
        writer.text(2, request.name);
        return;
      case 'elements':
        writer.text(1, tableName);
        writer.text(2, request.set);
        return;
      case 'element':
        writer.text(1, tableName);
        writer.text(2, request.set);
        writer.nest(3, () => writer.nest(1, () => writer.append(request.key)));
    }
  });
}

/** NFTA_GEN_ID: counts every transaction on any table of the namespace. */
export function readGeneration(messages: readonly Message[]): number | undefined {
  for (const message of messages) {
    if (message.kind !== 'data' || message.type !== newMessages.generation) continue;
    const id = readAttributes(message.attributes).get(1);
    if (id) return readU32(id);
  }
  return undefined;
}

const dumps: ReadonlySet<TableRequest['kind']> = new Set([
  'chains',
  'rules',
  'sets',
  'elements',
  'objects',
  'flowtables',
]);
