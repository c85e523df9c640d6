/** A verdict as NFTA_DATA_VERDICT. */
import type { AttributeWriter } from '../../../netlink/attributes.ts';
import type { Verdict } from '../../ruleset.ts';
import { attributes, verdictCodes } from './numbers.ts';

export function writeVerdict(writer: AttributeWriter, verdict: Verdict): void {
  const start = writer.open(attributes.data.verdict);
  writer.u32(attributes.verdict.code, verdictCodes[verdict.kind] >>> 0);
  if (verdict.kind === 'jump' || verdict.kind === 'goto') writer.text(attributes.verdict.chain, verdict.chain);
  writer.close(start);
}
