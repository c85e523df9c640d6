/**
 * One router under measurement and the wires to it.
 *
 *   tx ─ aN ══ west ─ rN ─ east ══ bN ─ rx        frames made in tx, routed by rN, counted and dropped at rx's door
 *   tx ─ aN ══ west ─ rN                          the door: counted and dropped before any routing
 *
 * Every variant has a router of its own, up all the time, so that rounds can alternate without loading anything between.
 *
 * Invariant: routers differ in their ruleset only.
 */

import { countAndDrop, type Flows, sendFrames, sentTtl } from '../bpf/programs.ts';
import { attachXdp, createCounter, loadXdp, type MapFd, type ProgramFd } from '../kernel/bpf.ts';
import { enterNamespace, inNamespace } from '../kernel/libc.ts';
import { addNamespaces, loadRuleset, namespacePath, runBatch, runIn, writeSysctls } from '../kernel/sandbox.ts';
import { destination, sources } from './addresses.ts';

export const senderNamespace = 'tx';
const receiverNamespace = 'rx';

export interface Lane {
  readonly name: string;
  readonly namespace: string;
  readonly index: number;
  /** Whether its ruleset tracks connections. */
  readonly tracked: boolean;
  /** Frames that arrived where this lane's frames are to arrive. */
  readonly arrived: MapFd;
}

export interface LaneSpec {
  readonly name: string;
  /** nft text, or undefined for a router without netfilter. */
  readonly ruleset: string | undefined;
}

export interface Lanes {
  /** Frames end at this router's door: what the sender alone costs. */
  readonly door: Lane;
  readonly routers: readonly Lane[];
}

/** Builds all namespaces, wires and rulesets. To be called once in a sandbox. */
export function buildLanes(specs: readonly LaneSpec[]): Lanes {
  addNamespaces([senderNamespace, receiverNamespace]);
  for (const namespace of [senderNamespace, receiverNamespace]) quieten(namespace);
  const [doorCounter, routedCounter] = [createCounter(), createCounter()];
  const door = buildDoor(doorCounter);
  const routedProgram = loadXdp(countAndDrop(routedCounter, sentTtl - 1));
  const routers = specs.map((spec, i) => buildRouter(spec, i + 1, routedProgram, routedCounter));
  enterNamespace(namespacePath(senderNamespace));
  return { door, routers };
}

/** A program that sends a lane's frames, for the main thread in the sender's namespace. */
export function loadSender(lane: Lane, flows: Flows): ProgramFd {
  const counterMap = createCounter();
  const macs = { sourceMac: macAddress('a', lane.index), destinationMac: macAddress('w', lane.index) };
  return loadXdp(sendFrames({ flows, ...macs, interfaceIndex: westIndex(lane.index), counterMap }));
}

/** Forgets all flows of a router. */
export function flushFlows(lane: Lane): void {
  runIn(lane.namespace, 'conntrack', ['-F']);
}

/** Flows of which the router has seen both directions, as far as conntrack knows. */
export function establishFlows(lane: Lane, flows: Flows): void {
  for (let i = 0; i < flows.count; i++) {
    const source = flows.firstHost + (i % flows.hosts);
    const address = `${flows.sourceNetwork.join('.')}.${source >>> 8}.${source & 255}`;
    const port = flows.firstPort + Math.floor(i / flows.hosts);
    runIn(lane.namespace, 'conntrack', [
      '-I',
      '-p',
      'udp',
      '-s',
      address,
      '-d',
      flows.destination.join('.'),
      '--sport',
      `${port}`,
      '--dport',
      `${flows.destinationPort}`,
      '-t',
      '3600',
      '-u',
      'SEEN_REPLY,ASSURED',
    ]);
  }
}

function buildDoor(arrived: MapFd): Lane {
  const lane: Lane = { name: 'door', namespace: 'door', index: 0, tracked: false, arrived };
  addNamespaces([lane.namespace]);
  quieten(lane.namespace);
  wireWest(lane);
  attachIn(lane.namespace, loadXdp(countAndDrop(arrived, sentTtl)), westIndex(0));
  return lane;
}

function buildRouter(spec: LaneSpec, index: number, counter: ProgramFd, arrived: MapFd): Lane {
  const lane: Lane = { name: spec.name, namespace: `r${index}`, index, tracked: spec.ruleset !== undefined, arrived };
  addNamespaces([lane.namespace]);
  quieten(lane.namespace);
  wireWest(lane);
  wireEast(lane);
  // Without GRO a veth has no NAPI, and frames redirected to its peer are refused (veth_xdp_xmit).
  runIn(lane.namespace, 'ethtool', ['-K', 'west', 'gro', 'on']);
  attachIn(receiverNamespace, counter, eastIndex(index));
  if (spec.ruleset !== undefined) loadRuleset(lane.namespace, spec.ruleset);
  return lane;
}

function wireWest(lane: Lane): void {
  const [here, there] = [printMac(macAddress('a', lane.index)), printMac(macAddress('w', lane.index))];
  const index = westIndex(lane.index);
  runBatch(undefined, [
    `link add a${lane.index} netns ${senderNamespace} index ${index} address ${here} type veth peer name west netns ${lane.namespace} index ${index} address ${there}`,
  ]);
  runBatch(senderNamespace, [`link set a${lane.index} up`]);
  runBatch(lane.namespace, [`addr add ${sources.router} dev west`, 'link set west up']);
}

function wireEast(lane: Lane): void {
  const [here, there] = [printMac(macAddress('e', lane.index)), printMac(macAddress('b', lane.index))];
  runBatch(undefined, [
    `link add east netns ${lane.namespace} index ${eastIndex(lane.index)} address ${here} type veth peer name b${lane.index} netns ${receiverNamespace} index ${eastIndex(lane.index)} address ${there}`,
  ]);
  runBatch(receiverNamespace, [`link set b${lane.index} up`]);
  // The receiver answers nothing, so its MAC address has to be known beforehand.
  runBatch(lane.namespace, [
    `addr add ${destination.router} dev east`,
    'link set east up',
    `neigh replace ${destination.address} lladdr ${there} dev east nud permanent`,
  ]);
}

/** Nothing but the measurement's own frames: no IPv6 chatter, and forwarding without reverse path filter. */
function quieten(namespace: string): void {
  writeSysctls(namespace, {
    'ipv6/conf/all/disable_ipv6': '1',
    'ipv6/conf/default/disable_ipv6': '1',
    'ipv4/conf/all/rp_filter': '0',
    'ipv4/conf/default/rp_filter': '0',
    'ipv4/ip_forward': '1',
  });
}

function attachIn(namespace: string, program: ProgramFd, index: number): void {
  inNamespace(namespacePath(namespace), () => attachXdp(program, index));
}

/** Chosen by us, so that nobody has to ask; the same at both ends of a wire, because iproute2 6.1 cannot give the peer another. */
function westIndex(lane: number): number {
  return 1000 + lane;
}

function eastIndex(lane: number): number {
  return 2000 + lane;
}

/** Locally administered; the letter says which end. */
function macAddress(end: 'a' | 'w' | 'e' | 'b', lane: number): Buffer {
  return Buffer.from([0x02, 0, 0, end.charCodeAt(0), lane >>> 8, lane & 255]);
}

function printMac(mac: Buffer): string {
  return mac.toString('hex').replace(/..(?=.)/g, '$&:');
}
