/**
 * What a disturbance costs traffic that is under way: datagrams at a steady pace, and TCP connections that carry bytes.
 *
 *   open streams and transfers → steady → disturb → steady again → every byte back → losses
 *
 * Invariant: a transfer is whole only when every byte that was sent came back in its place over the one connection; datagrams are
 * counted there and back, so both directions are in every figure.
 */
import { parsePort } from './checks/packets.ts';
import { eventually } from './eventually.ts';
import { isSteady, measureLoss } from './failover.ts';
import type { RunningLab } from './harness.ts';
import { printMoved, readLossCounters } from './loss-counters.ts';
import { LabFailure } from './sandbox/run.ts';
import { dial } from './topology/wiring.ts';

export interface Flow {
  readonly from: string;
  readonly to: string;
  readonly port: string;
}

export interface Disruption {
  /** UDP flows, a datagram each millisecond. */
  readonly streams: readonly Flow[];
  /** TCP flows, one connection each. */
  readonly transfers: readonly Flow[];
  /** Ends when the disturbance is over as far as the operator is concerned. */
  disturb(): Promise<void>;
}

export interface DisruptionOutcome {
  readonly streams: readonly FlowLoss[];
  readonly transfers: readonly FlowTransfer[];
  /** Counters of kernels that tell of lost packets and grew meanwhile, a line each. */
  readonly moved: readonly string[];
}

export interface FlowLoss {
  readonly flow: string;
  readonly sent: number;
  readonly lost: number;
  /** When the first of them were sent, in milliseconds since the disturbance began. */
  readonly lostAt: readonly number[];
  /** Longest time without an answer. */
  readonly milliseconds: number;
  readonly recovered: boolean;
}

export interface FlowTransfer {
  readonly flow: string;
  readonly bytes: number;
  /** Why it is not whole; undefined when it is. */
  readonly fault: string | undefined;
}

/** Milliseconds for traffic to be steady, and for the rest of a transfer: TCP doubles its pause after each loss. */
const patience = 30_000;
/** Datagrams in a row, one each millisecond, that must be answered: long enough to see a second gap behind the first. */
const steadyRun = 500;
/**
 * The same before anything happens: longer than the two seconds after which Linux calls a flow of UDP assured. A younger one that
 * moves to the other router may lose a datagram (docs/decisions/0024, Known limits).
 */
const assuredRun = 2_500;
/** Lost datagrams whose time is told. */
const toldLosses = 10;

export async function runDisruption(running: RunningLab, plan: Disruption): Promise<DisruptionOutcome> {
  const before = await readLossCounters(running.lab, running.sandbox);
  const streams = nameFlows(running, plan.streams);
  const transfers = nameFlows(running, plan.transfers);
  for (const { id, from, address, port } of streams) {
    await (await running.endpoints.of(from)).openStream(id, { protocol: 'udp', address, port, timeout: 500 }, 1);
  }
  for (const { id, from, address, port } of transfers) {
    await (await running.endpoints.of(from)).openTransfer(id, address, port);
  }
  const areSteady = (since: number, length: number) =>
    Promise.all(
      streams.map(async ({ id, from }) =>
        isSteady(await (await running.endpoints.of(from)).readStream(id), since, length),
      ),
    );
  const waitSteady = (since: number, length: number) =>
    eventually(
      () => areSteady(since, length),
      (all) => all.every(Boolean),
      { within: patience },
    );
  if (!(await waitSteady(0, assuredRun)).every(Boolean)) {
    throw new LabFailure('the streams were not steady before the disturbance');
  }

  const begun = Date.now();
  await plan.disturb();
  const recovered = await waitSteady(Date.now(), steadyRun);
  const losses = await Promise.all(
    streams.map(async ({ id, from, flow }, index): Promise<FlowLoss> => {
      const attempts = await (await running.endpoints.of(from)).closeStream(id);
      const { sent, lost, seconds } = measureLoss(attempts);
      const lostAt = attempts.filter(({ answeredAt }) => answeredAt === null).map(({ at }) => at - begun);
      return {
        flow,
        sent,
        lost,
        lostAt: lostAt.slice(0, Math.min(lost, toldLosses)),
        milliseconds: seconds * 1000,
        recovered: recovered[index] === true,
      };
    }),
  );
  return {
    streams: losses,
    transfers: await Promise.all(transfers.map((one) => finishTransfer(running, one))),
    moved: printMoved(before, await readLossCounters(running.lab, running.sandbox)),
  };
}

async function finishTransfer(running: RunningLab, { id, from, flow }: DialledFlow): Promise<FlowTransfer> {
  const endpoint = await running.endpoints.of(from);
  await endpoint.endTransfer(id);
  const { sent, received, fault, ended } = await eventually(
    () => endpoint.readTransfer(id),
    (transfer) => transfer.ended,
    { within: patience },
  );
  const whole = ended && received === sent && sent > 0;
  return { flow, bytes: received, fault: fault ?? (whole ? undefined : `${received} of ${sent} bytes came back`) };
}

interface DialledFlow {
  readonly id: string;
  readonly from: string;
  readonly flow: string;
  readonly address: string;
  readonly port: number;
}

function nameFlows({ lab }: RunningLab, flows: readonly Flow[]): DialledFlow[] {
  return flows.flatMap(({ from, to, port }) =>
    dial(lab, from, to).map(({ family, address }) => {
      const flow = `${from} → ${to} ${port} IPv${family}`;
      return { id: flow, from, flow, address, port: parsePort(port).port };
    }),
  );
}
