/**
 * How many packets the kernel has denied, by the chain that counts them.
 *
 * One small dump for each chain there may be: whatever the size of the table, it costs the same.
 */
import { countPackets, deniedChains } from '../flows/read-denied.ts';
import { AttributeWriter } from '../netlink/attributes.ts';
import { encodeRequest } from '../nftables/netlink/read-requests.ts';
import { ok, type Result } from '../result.ts';
import { errnos, type NetlinkError, openNetlinkSocket } from './netlink-socket.ts';

/** Only chains that are there. */
export async function readDeniedCounters(): Promise<Result<ReadonlyMap<string, number>, NetlinkError>> {
  const counters = new Map<string, number>();
  const socket = openNetlinkSocket();
  if (!socket) return { ok: false, error: { kind: 'not-permitted', errno: errnos.EPERM, sequence: undefined } };
  try {
    const writer = new AttributeWriter(128);
    for (const chain of deniedChains) {
      writer.reset();
      encodeRequest(writer, 1, { kind: 'rules', chain });
      const rules = await socket.request(writer.bytes());
      if (rules.ok && rules.value.some(({ kind }) => kind === 'data')) counters.set(chain, countPackets(rules.value));
      else if (!rules.ok && rules.error.errno !== errnos.ENOENT) return rules;
    }
    return ok(counters);
  } finally {
    socket.close();
  }
}
