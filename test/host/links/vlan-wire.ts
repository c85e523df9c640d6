/** Two network namespaces with one cable between them and a VLAN driver in each; what crosses the cable is captured. */
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { createVlanDriver } from '../../../src/edge/links/vlan.ts';
import type { VlanLinkIntent } from '../../../src/intent/links/links-intent.ts';
import { type InterfaceAddress, parseCidr } from '../../../src/net/prefix.ts';
import { eventually } from '../bird/namespaces.ts';

export type End = 'a' | 'b';

export interface Capture {
  /** Lines of tcpdump so far, one a frame. */
  readonly frames: readonly string[];
  close(): void;
}

/** Takes one stream, and says what it was by its hash. */
const receive = `
  const hash = require('node:crypto').createHash('sha256');
  const server = require('node:net').createServer((socket) => {
    socket.on('data', (chunk) => hash.update(chunk));
    socket.on('end', () => console.log(hash.digest('hex')));
  });
  server.listen(7000, process.argv[1], () => console.log('listening'));
`;
/** Bytes that repeat at no power of two, so that segments in the wrong place would show. */
const send = `
  const bytes = Buffer.alloc(Number(process.argv[2]), 0).map((_, i) => i % 251);
  require('node:net').connect(7000, process.argv[1]).end(bytes);
  console.log(require('node:crypto').createHash('sha256').update(bytes).digest('hex'));
`;

/** The parent of both ends is `dx0`; the addresses are host 1 at a and host 2 at b. */
export function layWire() {
  const dir = mkdtempSync(join(tmpdir(), 'cw-vlan-'));
  const name = (end: End): string => `cw-vlan-${end}-${process.pid}`;
  const at = (end: End): readonly string[] => ['ip', 'netns', 'exec', name(end)];
  const run = (end: End, ...command: readonly string[]): string => {
    const [program = '', ...args] = [...at(end), ...command];
    return execFileSync(program, args, { encoding: 'utf8' });
  };
  const cable = (): void => {
    run('a', 'ip', 'link', 'add', 'dx0', 'type', 'veth', 'peer', 'name', 'dx0', 'netns', name('b'));
    for (const end of ['a', 'b'] as const) run(end, 'ip', 'link', 'set', 'dx0', 'up');
  };
  for (const end of ['a', 'b'] as const) {
    spawnSync('ip', ['netns', 'del', name(end)]);
    execFileSync('ip', ['netns', 'add', name(end)]);
    run(end, 'ip', 'link', 'set', 'lo', 'up');
  }
  cable();
  return {
    cable,
    run,
    driver: (end: End, router: string = end, launcher: readonly string[] = at(end)) =>
      createVlanDriver({ router, dir: join(dir, router), launcher }),
    /** There, with the capabilities of our unit and these; as root of a host that has mounted what systemd mounts. */
    confined: (end: End, ...more: readonly string[]): readonly string[] => [
      ...['unshare', '--mount', 'sh', '-c', 'mount -t bpf bpf /sys/fs/bpf && exec "$@"', 'sh'],
      ...['nsenter', `--net=/run/netns/${name(end)}`],
      ...['setpriv', `--bounding-set=${['-all', '+net_admin', '+net_raw', ...more].join(',')}`, '--no-new-privs'],
    ],
    reaches: (from: End, to: string, ...options: readonly string[]): boolean => {
      const [program = '', ...args] = [...at(from), 'ping', '-c', '1', '-W', '1', ...options, to];
      return spawnSync(program, args).status === 0;
    },
    /** Hashes of so many bytes as sent from one end, and as received at the other. */
    async stream(
      from: End,
      to: End,
      address: string,
      bytes: number,
    ): Promise<readonly [sent: string, received: string]> {
      const start = (end: End, script: string) => {
        const [program = '', ...args] = [...at(end), process.execPath, '-e', script, address, `${bytes}`];
        const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'] });
        let text = '';
        child.stdout.on('data', (chunk: Buffer) => {
          text += chunk.toString();
        });
        return { child, said: () => text.trim().split('\n') };
      };
      const receiver = start(to, receive);
      await eventually('it listens', receiver.said, ([first]) => first === 'listening');
      const sender = start(from, send);
      const [sent] = await eventually('all is sent', sender.said, ([hash]) => hash?.length === 64);
      const [, received] = await eventually('all is received', receiver.said, ([, hash]) => hash?.length === 64);
      for (const { child } of [sender, receiver]) child.kill('SIGKILL');
      return [sent ?? '', received ?? ''];
    },
    async capture(end: End, device: string, ...expression: readonly string[]): Promise<Capture> {
      const [program = '', ...args] = [
        ...at(end),
        'tcpdump',
        '--immediate-mode',
        '-l',
        '-n',
        '-e',
        '-i',
        device,
        ...expression,
      ];
      const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
      const frames: string[] = [];
      let said = '';
      createInterface({ input: child.stdout }).on('line', (line) => frames.push(line));
      child.stderr.on('data', (chunk: Buffer) => {
        said += chunk.toString();
      });
      await eventually(
        'tcpdump listens',
        () => said,
        (text) => text.includes('listening on'),
      );
      return { frames, close: () => void child.kill('SIGTERM') };
    },
    remove() {
      for (const end of ['a', 'b'] as const) spawnSync('ip', ['netns', 'del', name(end)]);
      rmSync(dir, { recursive: true, force: true });
    },
  };
}
export type Wire = ReturnType<typeof layWire>;

export function vlanLink(end: End, changes: Partial<VlanLinkIntent> = {}): VlanLinkIntent {
  const host = end === 'a' ? 1 : 2;
  return {
    kind: 'vlan',
    attachment: 'dx',
    interfaceName: 'dx0.101',
    parent: 'dx0',
    id: 101,
    addresses: [`169.254.10.${host}/30`, `fd00:10::${host}/126`].map((text) => parseCidr(text) as InterfaceAddress),
    remotes: [],
    mtu: undefined,
    mssClamp: undefined,
    ...changes,
  };
}
