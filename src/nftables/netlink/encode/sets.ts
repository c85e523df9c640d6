/**
 * Sets, maps and their elements as messages.
 *
 *   Holder ─[encodeSet]→ NFT_MSG_NEWSET         Holder ─[encodeElements]→ NFT_MSG_NEWSETELEM*, NFT_MSG_DELSETELEM*
 *
 * An interval of one field is two elements (where it begins, and what comes after it), of several fields one with two keys: the
 * kernel's trees want it so.
 * Invariant: a set looks the same however its elements came: unlike nft, no end is written before the first interval.
 */
import type { AttributeWriter } from '../../../netlink/attributes.ts';
import { type Field, type Holder, tableName, type Verdict } from '../../ruleset.ts';
import { ElementList } from './element-list.ts';
import { formOf, wordsOf } from './fields.ts';
import { KeyEncoder, readAddresses } from './keys.ts';
import { attributes, dataTypes, messages, setFlags, verdictBytes } from './numbers.ts';
import type { Transaction } from './transaction.ts';
import { elementBytes, setBytes } from './user-data.ts';

/** The declaration alone. */
export function encodeSet(transaction: Transaction, holder: Holder): void {
  const { fields, isInterval, isTypeof, data } = declarationOf(holder);
  const { writer } = transaction;
  const isConcatenation = isInterval && fields.length > 1;
  const message = transaction.open(messages.newSet, `set ${holder.name}`);
  writer.text(attributes.set.table, tableName);
  writer.text(attributes.set.name, holder.name);
  writer.u32(
    attributes.set.flags,
    (isInterval ? setFlags.interval : 0) |
      (data === 'none' ? 0 : setFlags.map) |
      (isConcatenation ? setFlags.concatenation : 0),
  );
  writeKeyType(writer, fields);
  if (data === 'verdict') {
    writer.u32(attributes.set.dataType, dataTypes.verdict);
    writer.u32(attributes.set.dataLength, verdictBytes);
  } else if (data === 'class') {
    writer.u32(attributes.set.dataType, dataTypes.classId);
    writer.u32(attributes.set.dataLength, 4);
  }
  if (isConcatenation) writeLengths(writer, fields);
  writer.u32(attributes.set.id, transaction.nextSetId());
  writer.raw(attributes.set.userData, setBytes({ fields, isTypeof, data }));
  if (isCounted(holder)) {
    writer.nest(attributes.set.expression, () => writer.text(attributes.expression.name, 'counter'));
  }
  transaction.close(message);
}

/** Puts all elements of the holder in, or takes them out; it may hold some of the set's only. */
export function encodeElements(transaction: Transaction, holder: Holder, action: 'add' | 'delete'): void {
  const { fields, isInterval } = declarationOf(holder);
  const keys = new KeyEncoder(fields, isInterval);
  const list = new ElementList(transaction, holder.name, action);
  const put = (verdict?: Verdict, comment?: string, note?: number): void => {
    if (!isInterval || fields.length > 1) {
      list.add(keys.first, isInterval ? keys.last : undefined, verdict, note, elementBytes(comment, 'closed'));
      return;
    }
    const isClosed = keys.stepPastLast();
    list.add(keys.first, undefined, verdict, note, elementBytes(comment, isClosed ? 'closed' : 'open'));
    if (isClosed) list.addEnd(keys.last);
  };
  if ('classes' in holder) {
    for (const [key, number] of holder.classes) {
      const { first, last } = readAddresses(key, holder.family);
      keys.writeAddresses(first, last);
      put(undefined, undefined, number);
    }
  } else if (!('kind' in holder)) {
    for (const { key, verdict, comment } of holder.elements.values()) {
      keys.write(key);
      put(verdict, comment);
    }
  } else if (holder.kind === 'addresses') {
    for (const prefix of holder.elements.values()) {
      keys.write([{ kind: 'prefix', prefix }]);
      put();
    }
  } else {
    for (const key of holder.elements.values()) {
      keys.write(key);
      put();
    }
  }
  list.end();
}

export function writeKeyType(writer: AttributeWriter, fields: readonly Field[]): void {
  const forms = fields.map(formOf);
  const [only] = forms;
  const type = forms.reduce((sum, form) => ((sum << 6) | form.type) >>> 0, 0);
  const words = forms.reduce((sum, form) => sum + wordsOf(form), 0);
  writer.u32(attributes.set.keyType, type);
  writer.u32(attributes.set.keyLength, forms.length === 1 && only ? only.bytes : words * 4);
}

function writeLengths(writer: AttributeWriter, fields: readonly Field[]): void {
  writer.nest(attributes.set.description, () =>
    writer.nest(attributes.description.concatenation, () => {
      for (const field of fields) {
        writer.nest(attributes.list.element, () => writer.u32(attributes.descriptionField.length, formOf(field).bytes));
      }
    }),
  );
}

interface Declaration {
  readonly fields: readonly Field[];
  readonly isInterval: boolean;
  readonly isTypeof: boolean;
  readonly data: 'none' | 'verdict' | 'class';
}

function declarationOf(holder: Holder): Declaration {
  if ('classes' in holder) {
    const { family, isInterval } = holder;
    return { fields: [{ kind: 'address', family, side: 'source' }], isInterval, isTypeof: false, data: 'class' };
  }
  if (!('kind' in holder)) {
    return { fields: holder.fields, isInterval: holder.isInterval, isTypeof: true, data: 'verdict' };
  }
  if (holder.kind === 'tuples') return { fields: holder.fields, isInterval: true, isTypeof: true, data: 'none' };
  return {
    fields: [{ kind: 'address', family: holder.family, side: 'source' }],
    isInterval: holder.holds === 'prefixes',
    isTypeof: false,
    data: 'none',
  };
}

/** The kernel gives each element the counter that the map declares. */
function isCounted(holder: Holder): boolean {
  return 'isInterval' in holder && !('classes' in holder) && !holder.isUncounted;
}
