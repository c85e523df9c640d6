/**
 * The user's own BIRD text beside a running agent: taken whole or not at all. The folder is looked at four times a minute, so each
 * case has a router and a peer of its own, and all wait at the same time.
 */
import { chmodSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { eventually } from '../../../lab/eventually.ts';
import type { RouterStatus } from '../../../src/agent/status.ts';
import { type Machine, openMachine } from './agent-machine.ts';
import { openPeer } from './bgp-peer.ts';

const resources = (hook = '') => `
apiVersion: causeway.dev/v1
kind: Router
metadata: { name: gw }
spec: { asNumber: 64520, routerID: 192.0.2.254 }
---
apiVersion: causeway.dev/v1
kind: Site
metadata: { name: right }
spec: { type: vpc, prefixes: [10.60.0.0/16] }
---
apiVersion: causeway.dev/v1
kind: Attachment
metadata: { name: right }
spec:
  router: gw
  site: right
  link: { interface: { name: eth1 } }
  addresses: { local: [10.1.255.1/24], remote: [10.1.255.2] }
  bgp: { asNumber: 65002, bfd: 'off', ${hook} }
`;

const peerConfig = `
protocol static own { ipv4; route 10.60.0.0/16 unreachable; route 10.60.1.0/24 unreachable; }
protocol bgp hub {
  local as 65002;
  neighbor 10.1.255.1 as 64520;
  connect delay time 1;
  connect retry time 1;
  error wait time 1, 2;
  ipv4 { import all; export where source = RTS_STATIC; };
}
`;

interface World {
  readonly machine: Machine;
  /** Of the folder of own text. */
  file(name: string): string;
  status(match: (status: RouterStatus) => boolean): Promise<RouterStatus | undefined>;
  established(): Promise<RouterStatus | undefined>;
  /** When BIRD was started and last configured, and since when its session is up. */
  facts(): readonly (string | undefined)[];
}

async function withRouter(name: string, yaml: string, use: (world: World) => Promise<void>): Promise<void> {
  const machine = openMachine(name);
  try {
    const peer = await openPeer(machine, { link: 1, onLink: ['10.1.255.2/24'], hosts: [], config: peerConfig });
    try {
      machine.apply(yaml);
      mkdirSync(join(machine.folder, 'bird.d'));
      machine.startAgent('gw');
      const status: World['status'] = (match) => machine.until('gw', match);
      await use({
        machine,
        file: (file) => join(machine.folder, 'bird.d', file),
        status,
        established: () => status(({ routing }) => routing.sessions[0]?.state === 'Established'),
        facts() {
          const text = machine.must('birdc', '-s', join(machine.folder, 'run/gw/bird.ctl'), 'show', 'status');
          const ofBird = [/Last reboot on (.*)/, /Last reconfiguration on (.*)/].map((fact) => fact.exec(text)?.[1]);
          return [...ofBird, peer.since('hub')];
        },
      });
    } finally {
      peer.close();
    }
  } finally {
    machine.close();
  }
}

describe.concurrent('own text', () => {
  it.each([
    ['syntax', 'BIRD refuses', 'define user_x = 1;\ndefine user_y = ;\n', 0o644, /bad\.conf:2:\d+ syntax error/],
    ['ours', 'takes over what is ours', 'router id 1.1.1.1;\n', 0o644, /bad\.conf:1: router id/],
    ['mode', 'others may write', 'define user_x = 1;\n', 0o666, /bad\.conf: mode 666/],
  ])(
    '(%s) that %s keeps everything as it is, and names file and line until it is mended',
    async (name, _, text, mode, message) => {
      await withRouter(`text-${name}`, resources(), async ({ file, status, established, facts }) => {
        await established();
        const before = facts();
        expect(before).not.toContain(undefined);
        writeFileSync(file('bad.conf'), text);
        chmodSync(file('bad.conf'), mode);
        const seen = await status(({ lastError }) => message.test(lastError?.message ?? ''));
        expect(seen?.lastError?.message).toMatch(message);
        expect(facts()).toEqual(before);
        rmSync(file('bad.conf'));
        expect((await status(({ lastError }) => lastError === null))?.lastError).toBeNull();
        expect(facts().at(-1)).toBe(before.at(-1));
      });
    },
  );

  it('gives a session its function, which is held down while that is missing', async () => {
    const hooked = resources('rawFilters: { import: user_in }');
    await withRouter('text-hook', hooked, async ({ machine, file, status, established }) => {
      const held = await status(
        ({ warnings, routing }) =>
          warnings.some((text) => text.includes('user_in')) && routing.sessions[0]?.state === 'Down',
      );
      expect(held?.warnings.join()).toContain('user_in');
      expect(held?.routing.sessions[0]?.state).toBe('Down');
      writeFileSync(file('in.conf'), 'function user_in() { return net !~ [ 10.60.1.0/24 ]; }\n');
      expect((await established())?.routing.sessions[0]?.state).toBe('Established');
      const routes = (): string => machine.must('ip', 'route', 'show', 'proto', 'bird');
      const learned = await eventually(routes, (text) => text.includes('10.60.0.0/16'));
      expect(learned).toContain('10.60.0.0/16');
      expect(learned).not.toContain('10.60.1.0/24');
    });
  });
});
