/**
 * conntrackd's configuration: how one router shares the state of connections with the other of its group.
 *
 *   StateSyncIntent ─[compileConntrackd]→ ConntrackdConfig ─[printConntrackd]→ conntrackd.conf
 *
 * What the other router sends goes into the kernel at once (DisableExternalCache), since both forward at the same time: a reply
 * that comes back over the other router must find its flow there. FTFW numbers and repeats its messages, and asks for the whole
 * table at its start (docs/decisions/0024).
 * Invariant: nothing but addresses, a port and an interface's name is a user's, and each passes its own printer.
 */
import type { StateSyncIntent } from '../intent/routing/routing-intent.ts';
import { type Address, compareAddresses, printAddress } from '../net/address.ts';

export interface ConntrackdFiles {
  readonly config: string;
  readonly lock: string;
  readonly socket: string;
  readonly log: string;
}

export interface ConntrackdConfig {
  readonly interfaceName: string;
  readonly local: Address;
  readonly peer: Address;
  /** UDP. */
  readonly port: number;
  /** Flows from or to these are the routers' own, and nobody else's. */
  readonly ignored: readonly Address[];
  readonly files: ConntrackdFiles;
}

/** Bytes that wait for conntrackd to read or send them: a burst of some 10,000 flows. */
const socketBuffer = 1_249_280;
const netlinkBuffer = 2_097_152;
const netlinkBufferMost = 33_554_432;

/**
 * conntrackd speaks to one other router; of several peers it is the first. Undefined where there is none, or where the two ends
 * are of different families.
 */
export function compileConntrackd(sync: StateSyncIntent, files: ConntrackdFiles): ConntrackdConfig | undefined {
  const [peer] = sync.peers;
  if (!peer || peer.address.family !== sync.local.family) return undefined;
  const { interfaceName, local, port } = sync;
  const ignored = [local, peer.address].sort(compareAddresses);
  return { interfaceName, local, peer: peer.address, port, ignored, files };
}

/** The same configuration gives the same bytes. Throws on a name that conntrackd could read as something else. */
export function printConntrackd(config: ConntrackdConfig): string {
  const { files } = config;
  return `# Written by causeway; changes made here are lost.
Sync {
  Mode FTFW {
    DisableExternalCache yes
    StartupResync yes
  }
  UDP {
    ${addressWord(config.local)}_address ${printAddress(config.local)}
    ${addressWord(config.peer)}_Destination_Address ${printAddress(config.peer)}
    Port ${Math.trunc(config.port)}
    Interface ${interfaceWord(config.interfaceName)}
    SndSocketBuffer ${socketBuffer}
    RcvSocketBuffer ${socketBuffer}
    Checksum on
  }
}
General {
  HashSize 65536
  HashLimit 1048576
  LogFile ${pathWord(files.log)}
  LockFile ${pathWord(files.lock)}
  UNIX {
    Path ${pathWord(files.socket)}
  }
  NetlinkBufferSize ${netlinkBuffer}
  NetlinkBufferSizeMaxGrowth ${netlinkBufferMost}
  NetlinkEventsReliable on
  Filter From Kernelspace {
    Address Ignore {
      IPv4_address 127.0.0.1
      IPv6_address ::1
${config.ignored.map((address) => `      ${addressWord(address)}_address ${printAddress(address)}`).join('\n')}
    }
  }
}
`;
}

function addressWord({ family }: Address): string {
  return family === 4 ? 'IPv4' : 'IPv6';
}

/** conntrackd reads a word up to the next blank, and has no quotes. */
function interfaceWord(name: string): string {
  if (!/^[A-Za-z0-9_.-]{1,15}$/.test(name)) throw new Error('not an interface name that conntrackd can read');
  return name;
}

function pathWord(path: string): string {
  if (!/^\/[A-Za-z0-9_./-]+$/.test(path)) throw new Error(`conntrackd cannot read the path ${JSON.stringify(path)}`);
  return path;
}
