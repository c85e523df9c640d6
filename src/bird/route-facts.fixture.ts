/** Routes for tests of filters: learned over BGP by the spoke of the hub unless said. */
import { parsePrefix } from '../net/prefix.ts';
import type { RouteFacts } from './evaluate.ts';

export function facts(text: string, more: Partial<RouteFacts> = {}): RouteFacts {
  const prefix = parsePrefix(text);
  if (!prefix) throw new Error(`${text} is no prefix`);
  return {
    prefix,
    source: 'bgp',
    protocol: 'cw_attachment_spoke_a_192_168_1_2',
    discards: false,
    interfaceName: 'eth1',
    asPath: [64601],
    communities: [],
    localPref: undefined,
    med: undefined,
    kernelMetric: undefined,
    ...more,
  };
}
