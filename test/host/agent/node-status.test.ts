/** What a Calico user sees of a router that a Node alone describes, by CalicoNodeStatus. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { eventually } from '../../../lab/eventually.ts';
import type { CalicoNodeStatusStatus } from '../../../src/agent/calico-node-status.ts';
import { type Machine, openMachine } from './agent-machine.ts';

let machine: Machine;

const asking = (name: string, node: string, period: number, classes: string) => `
---
apiVersion: projectcalico.org/v3
kind: CalicoNodeStatus
metadata: { name: ${name} }
spec: { node: ${node}, updatePeriodSeconds: ${period}, classes: [${classes}] }
`;

beforeAll(() => {
  machine = openMachine('nstatus');
  machine.apply(`
apiVersion: projectcalico.org/v3
kind: Node
metadata: { name: n1 }
spec: { bgp: { ipv4Address: 10.0.255.1/24, asNumber: 64601 } }
---
apiVersion: projectcalico.org/v3
kind: BGPPeer
metadata: { name: silent }
spec: { node: n1, peerIP: 10.0.255.9, asNumber: 65001, reachableBy: 10.0.255.7 }
${asking('all', 'n1', 1, 'Agent, BGP, Routes')}${asking('other', 'n2', 1, 'Agent')}`);
  machine.startAgent('n1');
});

afterAll(() => machine?.close());

function statusOf(name: string): CalicoNodeStatusStatus | undefined {
  const got = machine.causeway('get', 'caliconodestatus', name, '-o', 'json');
  return got.code === 0 ? (JSON.parse(got.stdout) as { status?: CalicoNodeStatusStatus }).status : undefined;
}

const until = (match: (status: CalicoNodeStatusStatus) => boolean) =>
  eventually(
    () => statusOf('all'),
    (status) => status !== undefined && match(status),
  );

it('tells of BIRD, of a peer that does not answer and of the way to it', async () => {
  const isWhole = ({ agent, bgp, routes }: CalicoNodeStatusStatus): boolean =>
    agent?.birdV4.state === 'Ready' &&
    bgp?.peersV4.length === 1 &&
    routes?.routesV4.some(({ destination }) => destination === '10.0.255.9/32') === true;
  const status = await until(isWhole);
  expect(status).toMatchObject({
    agent: { birdV4: { state: 'Ready', routerID: '10.0.255.1' }, birdV6: { state: 'Ready' } },
    bgp: {
      numberEstablishedV4: 0,
      numberNotEstablishedV4: 1,
      peersV4: [{ peerIP: '10.0.255.9', type: 'NodePeer' }],
      peersV6: [],
    },
  });
  expect(status?.routes?.routesV4).toContainEqual({
    type: 'FIB',
    destination: '10.0.255.9/32',
    gateway: '10.0.255.7',
    interface: 'eth0',
    learnedFrom: { sourceType: 'Static' },
  });
});

it('keeps telling, and says nothing for a node that is another', async () => {
  const first = statusOf('all')?.lastUpdated ?? '';
  const later = await until(({ lastUpdated }) => lastUpdated > first);
  expect(later?.lastUpdated).not.toBe(first);
  expect(statusOf('other')).toBeUndefined();
});
