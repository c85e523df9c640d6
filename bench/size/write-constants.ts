/**
 * Puts measured figures into the source that predicts from them.
 *
 *   SizeConstants → [write-constants] → src/size/constants.ts
 *
 * Invariant: only what follows the file's marker changes, in the form that the formatter leaves alone.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import type { SizeConstants } from '../../src/size/constants.ts';

const file = 'src/size/constants.ts';
const marker = 'export const sizeConstants: SizeConstants = ';

export function writeConstants(constants: SizeConstants): void {
  writeFileSync(file, replaceConstants(readFileSync(file, 'utf8'), constants));
}

/** The text of the file with other figures. Throws where the file has no place for them. */
export function replaceConstants(text: string, constants: SizeConstants): string {
  const at = text.indexOf(marker);
  if (at === -1) throw new Error(`${file} has no line that begins with "${marker}"`);
  return `${text.slice(0, at)}${marker}${printConstants(constants)};\n`;
}

function printConstants(constants: SizeConstants): string {
  const areas = Object.entries(constants).map(([area, figures]) => {
    const lines = Object.entries<string | number>(figures).map(
      ([name, value]) => `    ${name}: ${printFigure(value)},\n`,
    );
    return `  ${area}: {\n${lines.join('')}  },\n`;
  });
  return `{\n${areas.join('')}}`;
}

function printFigure(value: string | number): string {
  if (typeof value === 'string') return `'${value.replaceAll(/[^\w.+-]/g, '')}'`;
  return value < 10_000 ? String(value) : value.toLocaleString('en').replaceAll(',', '_');
}
