/**
 * How many packets the kernel has denied, told of or not.
 *
 *   deniedChains ─▶ kernel ─rules─▶ Message* ─[countPackets]→ number
 *
 * Every denial of a place passes the one counter of its chain (`nftables/flow-log.ts`).
 */
import type { Message } from '../netlink/message.ts';
import { denyChainName, logPlaces } from '../nftables/flow-log.ts';
import { eachOf, spanOf, textAt } from '../nftables/netlink/read-content.ts';
import { newMessages } from '../nftables/netlink/read-table.ts';

/** Those of them that a ruleset has. */
export const deniedChains: readonly string[] = logPlaces.flatMap((place) =>
  (['deny', 'invalid'] as const).map((word) => denyChainName(word, place)),
);

/** NFTA_RULE_EXPRESSIONS; NFTA_EXPR_NAME, NFTA_EXPR_DATA; NFTA_COUNTER_PACKETS. */
const attribute = { expressions: 4, name: 1, data: 2, packets: 2 } as const;

/** Sum of the counters of the rules in these messages; exact up to 2^53. */
export function countPackets(messages: readonly Message[]): number {
  let packets = 0;
  for (const message of messages) {
    if (message.kind !== 'data' || message.type !== newMessages.rule) continue;
    const { attributes: bytes } = message;
    const list = spanOf(bytes, 0, bytes.length, attribute.expressions);
    if (!list) continue;
    eachOf(bytes, list.from, list.to, (from, to) => {
      if (textAt(bytes, from, to, attribute.name) !== 'counter') return;
      const data = spanOf(bytes, from, to, attribute.data);
      const count = data && spanOf(bytes, data.from, data.to, attribute.packets);
      if (!count) return;
      let value = 0;
      for (let at = count.from; at < count.to; at++) value = value * 256 + (bytes[at] ?? 0);
      packets += value;
    });
  }
  return packets;
}
