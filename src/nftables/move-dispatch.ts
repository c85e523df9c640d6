/**
 * Addresses of one dispatch that changed their signature.
 *
 *   Dispatch + addresses that moved ─[moveDispatch]→ its two verdict maps, or that chains must come or go
 *
 * Invariant: what comes out is what compiling would give. A host is looked up in each set by itself; a prefix may change the
 * signature of all addresses inside, so then all are read again.
 */
import type { AddressSet, SetId } from '../intent/policy/policy-intent.ts';
import { isHost, type Prefix, printPrefix } from '../net/prefix.ts';
import { dispatchElements, hostKey, isTooMuch, neededSignatures } from './dispatch-elements.ts';
import { noteMoved } from './moved-elements.ts';
import type { Dispatch, DispatchChains, MapElement, VerdictMap } from './ruleset.ts';
import { carryHash } from './ruleset-hash.ts';
import { addressText, readSignatures, type Segment, type Signature, signatureOfHost } from './signatures.ts';

export interface MovedDispatch {
  readonly dispatch: Dispatch;
  readonly maps: readonly VerdictMap[];
}

/** `touched` are the members of the dispatch's family that came to or left any of its sets. */
export function moveDispatch(
  dispatch: Dispatch,
  maps: ReadonlyMap<string, VerdictMap>,
  addressSets: ReadonlyMap<SetId, AddressSet>,
  touched: readonly Prefix[],
): MovedDispatch | 'recompile' {
  const { form, family, ruleCounts } = dispatch;
  if (form === 'empty') return 'recompile';
  const sets = [...ruleCounts.keys()].map((id) => addressSets.get(id));
  if (form === 'linear') {
    const needed = neededSignatures(readSignatures(family, sets), sets.length);
    return isTooMuch(needed, [...ruleCounts.values()]) ? { dispatch, maps: [] } : 'recompile';
  }
  const hosts = maps.get(form.hosts);
  const prefixes = maps.get(form.prefixes);
  if (!hosts || !prefixes) throw new Error(`no maps of dispatch ${dispatch.name}`);
  if (touched.every(isHost)) return moveHosts(dispatch, form, hosts, prefixes, sets, touched);
  const signatures = readSignatures(family, sets);
  const needed = neededSignatures(signatures, sets.length);
  const isSame = needed.length === form.bySignature.size && needed.every((each) => form.bySignature.has(each));
  if (!isSame) return 'recompile';
  const elements = dispatchElements(family, signatures, form.bySignature);
  return {
    dispatch: { ...dispatch, form: { ...form, uses: elements.uses } },
    maps: [
      { ...hosts, elements: elements.hosts },
      { ...prefixes, elements: elements.prefixes },
    ],
  };
}

function moveHosts(
  dispatch: Dispatch,
  form: DispatchChains,
  hosts: VerdictMap,
  prefixes: VerdictMap,
  sets: readonly (AddressSet | undefined)[],
  touched: readonly Prefix[],
): MovedDispatch | 'recompile' {
  const signatureOf = new Map([...form.bySignature].map(([signature, chain]) => [chain, signature]));
  const segments = segmentsIn(prefixes, signatureOf);
  const elements = new Map(hosts.elements);
  const uses = new Map(form.uses);
  const use = (signature: Signature, by: 1 | -1): void => {
    const count = (uses.get(signature) ?? 0) + by;
    if (count === 0) uses.delete(signature);
    else uses.set(signature, count);
  };
  const byText = new Map(touched.map((each) => [addressText(printPrefix(each)), each]));
  for (const [text, host] of byText) {
    const before = elements.get(text);
    const signature = signatureOfHost(host, sets, segments);
    if (before) use(signatureOfElement(before, signatureOf), -1);
    if (signature === undefined) {
      elements.delete(text);
      continue;
    }
    const chain = form.bySignature.get(signature);
    if (chain === undefined) return 'recompile';
    use(signature, 1);
    elements.set(text, { key: hostKey(host.family, host.bits), verdict: { kind: 'goto', chain } });
  }
  if (uses.size === 0) return 'recompile';
  for (const signature of form.bySignature.keys()) {
    // A selector alone keeps its chain; a combination that occurs no more does not.
    if (signature.includes(',') && !uses.has(signature)) return 'recompile';
  }
  const after = { ...hosts, elements };
  const keys = [...byText.keys()];
  noteMoved(hosts.elements, elements, keys);
  carryHash(hosts, after, keys);
  return { dispatch: { ...dispatch, form: { ...form, uses } }, maps: [after] };
}

function signatureOfElement({ verdict }: MapElement, signatureOf: ReadonlyMap<string, Signature>): Signature {
  const signature = verdict.kind === 'goto' ? signatureOf.get(verdict.chain) : undefined;
  if (signature === undefined) throw new Error('a dispatch element leads to no chain of the dispatch');
  return signature;
}

/** In the order of the map, which was made from sorted segments. */
function segmentsIn(prefixes: VerdictMap, signatureOf: ReadonlyMap<string, Signature>): readonly Segment[] {
  return [...prefixes.elements.values()].flatMap((element): Segment[] => {
    const [key] = element.key;
    if (key?.kind !== 'addresses') return [];
    return [{ first: key.first, last: key.last, signature: signatureOfElement(element, signatureOf) }];
  });
}
