/**
 * Nanoseconds that a router spends on one forwarded packet.
 *
 *   lanes → [measure-forwarding] → ForwardingResult → report
 *
 * All lanes take turns in slices of a few milliseconds, so that whatever else slows the machine slows all of them; the
 * sender alone (the door) is one of the lanes, and what it took in the same turn is subtracted.
 *
 * Invariant: a slice counts only if every frame sent was also seen arriving, no more and no fewer.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { type Flows, frameLength } from '../bpf/programs.ts';
import { type ProgramFd, readCounter, sendLiveFrames } from '../kernel/bpf.ts';
import { withoutPreemption } from '../kernel/libc.ts';
import { differences, type Round, type Summary, summarize } from '../statistics.ts';
import { establishFlows, flushFlows, type Lane, type Lanes, loadSender } from './lane.ts';
import { allowedFlows, forbiddenFlows } from './policy-shape.ts';

export type Traffic = 'first' | 'established';

export interface ForwardingOptions {
  readonly rounds: number;
  readonly framesPerSlice: number;
  readonly onProgress: (done: number, total: number) => void;
}

export interface TrafficResult {
  /** ns per frame that the sender alone takes. */
  readonly sender: Summary;
  readonly lanes: readonly LaneResult[];
}

export interface LaneResult {
  readonly lane: string;
  readonly traffic: Traffic;
  /** ns per frame, sender included. */
  readonly gross: Summary;
  /** ns per frame beyond what the sender alone took in the same round. */
  readonly net: Summary;
  /** Slices of which frames were lost, and that are in no figure. */
  readonly discarded: number;
}

/** A lane, or the door, with the program that sends to it. */
interface Course {
  readonly lane: Lane;
  readonly sender: ProgramFd;
  readonly tracked: boolean;
  readonly slices: Round[];
  discarded: number;
}

/** Few enough to stay in every cache, more than one so that no single bucket is special. */
const establishedFlows = 16;
/** How many slices of new flows are sent before flows repeat and have to be forgotten. */
const slicesBetweenFlushes = 15;
/** Above this share of lost slices a figure says nothing. */
const mostDiscarded = 0.25;

/** Measures all lanes with one sort of traffic. Throws when a router does not do what its policy says. */
export async function measureForwarding(
  lanes: Lanes,
  traffic: Traffic,
  options: ForwardingOptions,
): Promise<TrafficResult> {
  const flows =
    traffic === 'first'
      ? allowedFlows(slicesBetweenFlushes * options.framesPerSlice)
      : forbiddenFlows(establishedFlows);
  const door = startCourse(lanes.door, flows);
  const routers = lanes.routers.map((lane) => startCourse(lane, flows));
  const courses = [door, ...routers];
  for (const { lane, tracked } of courses) {
    if (!tracked) continue;
    flushFlows(lane);
    if (traffic === 'established') establishFlows(lane, flows);
  }
  for (const course of courses) runSlice(course, -1, options.framesPerSlice); // caches warm, pages allocated
  for (let round = 0; round < options.rounds; round++) {
    for (const course of courses) {
      if (traffic === 'first' && course.tracked && round % slicesBetweenFlushes === 0) flushFlows(course.lane);
    }
    for (const course of courses) runSlice(course, round, options.framesPerSlice);
    options.onProgress(round + 1, options.rounds);
    await pause(0); // lets a signal through
  }
  for (const { lane, tracked } of courses) if (tracked) flushFlows(lane);
  const sender = summarize(door.slices.map(({ value }) => value));
  return { sender, lanes: routers.map((course) => conclude(course, door, traffic, options.rounds)) };
}

/** Checks with real packets that each router with a ruleset passes what its last rule allows, and nothing else. */
export function checkLanes(lanes: Lanes, framesPerCheck: number): void {
  for (const lane of lanes.routers) {
    const passed = (flows: Flows) => {
      const before = readCounter(lane.arrived);
      sendLiveFrames(loadSender(lane, flows), Buffer.alloc(frameLength), framesPerCheck);
      return waitForArrivals(lane, before, framesPerCheck);
    };
    const allowed = passed(allowedFlows(framesPerCheck));
    if (allowed !== framesPerCheck)
      throw new Error(`${lane.name}: ${allowed} of ${framesPerCheck} allowed frames passed`);
    if (!lane.tracked) continue;
    const forbidden = passed(forbiddenFlows(framesPerCheck));
    if (forbidden !== 0) throw new Error(`${lane.name}: ${forbidden} of ${framesPerCheck} forbidden frames passed`);
  }
}

function startCourse(lane: Lane, flows: Flows): Course {
  return { lane, sender: loadSender(lane, flows), tracked: lane.tracked, slices: [], discarded: 0 };
}

function runSlice(course: Course, round: number, frames: number): void {
  const { lane, sender } = course;
  const frame = Buffer.alloc(frameLength);
  const before = readCounter(lane.arrived);
  const nanoseconds = withoutPreemption(() => sendLiveFrames(sender, frame, frames));
  const complete = readCounter(lane.arrived) - before === frames;
  if (!complete) waitForArrivals(lane, before, frames);
  if (round < 0) return;
  if (complete) course.slices.push({ round, value: nanoseconds });
  else course.discarded++;
}

/** Stragglers must not count for the next slice: waits until all frames are there, or until nothing moves any more. */
function waitForArrivals(lane: Lane, before: number, frames: number): number {
  const deadline = process.hrtime.bigint() + 20_000_000n;
  let arrived = readCounter(lane.arrived) - before;
  while (arrived < frames && process.hrtime.bigint() < deadline) arrived = readCounter(lane.arrived) - before;
  return arrived;
}

function conclude(course: Course, door: Course, traffic: Traffic, rounds: number): LaneResult {
  const { lane, slices, discarded } = course;
  const net = differences(slices, door.slices);
  if (discarded > rounds * mostDiscarded || net.length === 0) {
    throw new Error(
      `${lane.name}, ${traffic} packets: frames were lost in ${discarded} of ${rounds} rounds; no figure is given`,
    );
  }
  const values = (list: readonly Round[]) => list.map(({ value }) => value);
  return { lane: lane.name, traffic, gross: summarize(values(slices)), net: summarize(values(net)), discarded };
}
