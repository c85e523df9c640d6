/** A link over a device that somebody else made, whose cable is pulled and plugged. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { eventually } from '../../../lab/eventually.ts';
import { type Machine, openMachine } from '../agent/agent-machine.ts';

let machine: Machine;

beforeAll(async () => {
  machine = openMachine('carrier');
  machine.apply(`
apiVersion: causeway.dev/v1
kind: Router
metadata: { name: gw }
spec: { asNumber: 64520 }
---
apiVersion: causeway.dev/v1
kind: Site
metadata: { name: left }
spec: { type: vpc, prefixes: [10.50.0.0/16] }
---
apiVersion: causeway.dev/v1
kind: Attachment
metadata: { name: left }
spec:
  router: gw
  site: left
  link: { interface: { name: eth0 } }
  addresses: { local: [10.0.255.1/24], remote: [10.0.255.2] }
  static: { prefixes: [10.50.0.0/16] }
`);
  machine.startAgent('gw');
  await machine.until('gw', ({ links }) => links[0]?.state === 'up');
});
afterAll(() => machine.close());

/** Less than until drivers look again by themselves, which is four times a minute. */
const soon = { within: 6_000 };

const down = {
  far: 'down',
  state: 'down',
  reason: 'it has no carrier: look at the cable, or at the other end',
} as const;
const up = { far: 'up', state: 'up', reason: null } as const;

it.each([down, up, down, up])('is $state as soon as its other end is', async ({ far, state, reason }) => {
  machine.must('ip', 'link', 'set', 'far0', far);
  const link = async () => (await machine.status('gw'))?.links[0];
  expect(await eventually(link, (seen) => seen?.state === state, soon)).toMatchObject({ state, reason });
});
