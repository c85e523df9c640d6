/** BGPPeer: which nodes peer with whom (semantics §5.2). */
import { type Address, parseAddress } from '../net/address.ts';
import { type SecretKeyRef, secretKeyRef } from './bgp-configuration.ts';
import { asNumber, duration, ip, name, selector } from './fields.ts';
import {
  boolean,
  type Check,
  child,
  conflict,
  integer,
  list,
  object,
  omitEmpty,
  oneOf,
  optional,
  report,
  showValue,
  text,
} from './schema.ts';

export interface BgpPeerSpec {
  readonly node?: string;
  readonly nodeSelector?: string;
  /** `IP`, `v4:port` or `[v6]:port`. */
  readonly peerIP?: string;
  readonly asNumber?: number | string;
  readonly localASNumber?: number | string;
  readonly peerSelector?: string;
  readonly localWorkloadSelector?: string;
  readonly keepOriginalNextHop?: boolean;
  readonly nextHopMode?: 'Auto' | 'Self' | 'Keep';
  readonly password?: SecretKeyRef;
  readonly sourceAddress?: 'UseNodeIP' | 'None';
  /** Go durations, such as `120s`. */
  readonly maxRestartTime?: string;
  readonly keepaliveTime?: string;
  readonly numAllowedLocalASNumbers?: number;
  readonly ttlSecurity?: number;
  readonly reachableBy?: string;
  readonly filters?: readonly string[];
  readonly reversePeering?: 'Auto' | 'Manual';
}

/** A peer's address and port, from `IP`, `v4:port` or `[v6]:port`; undefined for other text, zones included. */
export function parsePeerIp(value: string): { readonly address: Address; readonly port?: number } | undefined {
  const bare = parseAddress(value);
  if (bare) return { address: bare };
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([0-9.]+)):([1-9][0-9]{0,4})$/.exec(value);
  if (!match) return undefined;
  const address = parseAddress(match[1] ?? match[2] ?? '');
  const port = Number(match[3]);
  if (!address || port > 65535 || (match[1] === undefined) !== (address.family === 4)) return undefined;
  return { address, port };
}

const peerIp = text(
  (value) =>
    parsePeerIp(value)
      ? undefined
      : `${showValue(value)} is no peer address: write an IP address, "192.0.2.1:1179" or "[2001:db8::1]:1179"`,
  64,
);

const selectionRules: Check<BgpPeerSpec> = (_, at, has) => {
  if (has('peerSelector') && has('asNumber')) {
    report(child(at, 'asNumber'), 'asNumber must be unset with peerSelector: each node brings its own', 'key');
  }
  if (has('localWorkloadSelector') && !has('asNumber')) {
    report(
      child(at, 'asNumber'),
      'required field is missing: localWorkloadSelector needs the AS number of the workloads',
    );
  }
};

const reachableRules: Check<BgpPeerSpec> = (value, at, has) => {
  if (!has('reachableBy')) return;
  if (!has('peerIP'))
    report(child(at, 'reachableBy'), 'reachableBy needs peerIP: it is the way to that address', 'key');
  const peer = value.peerIP === undefined ? undefined : parsePeerIp(value.peerIP)?.address;
  const via = value.reachableBy === undefined ? undefined : parseAddress(value.reachableBy);
  if (peer && via && peer.family !== via.family) {
    report(
      child(at, 'reachableBy'),
      `reachableBy is IPv${via.family}, but peerIP is IPv${peer.family}: both must be of one family`,
    );
  }
};

export const bgpPeerSchema = object<BgpPeerSpec>(
  {
    node: omitEmpty(name),
    nodeSelector: omitEmpty(selector),
    peerIP: omitEmpty(peerIp),
    asNumber: omitEmpty(asNumber),
    localASNumber: omitEmpty(asNumber),
    peerSelector: omitEmpty(selector),
    localWorkloadSelector: omitEmpty(selector),
    keepOriginalNextHop: omitEmpty(boolean),
    nextHopMode: omitEmpty(oneOf('Auto', 'Self', 'Keep')),
    password: optional(secretKeyRef),
    sourceAddress: omitEmpty(oneOf('UseNodeIP', 'None')),
    maxRestartTime: omitEmpty(duration),
    keepaliveTime: omitEmpty(duration),
    numAllowedLocalASNumbers: omitEmpty(integer(0, 2_147_483_647)),
    ttlSecurity: omitEmpty(integer(0, 255)),
    reachableBy: omitEmpty(ip()),
    filters: omitEmpty(list(name)),
    reversePeering: omitEmpty(oneOf('Auto', 'Manual')),
  },
  conflict('node', 'nodeSelector'),
  conflict('peerIP', 'peerSelector'),
  conflict('peerIP', 'localWorkloadSelector'),
  conflict('peerSelector', 'localWorkloadSelector'),
  conflict('nextHopMode', 'keepOriginalNextHop'),
  selectionRules,
  reachableRules,
);
