/** `explain packet` on a running router: what it predicts, held against real packets that the kernel tells about. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../../../lab/eventually.ts';
import { type Machine, openMachine } from '../agent/agent-machine.ts';
import { joinHosts, type RoutedHosts } from './routed-hosts.ts';

const resources = `
apiVersion: causeway.dev/v1
kind: Router
metadata: { name: gw }
spec: { asNumber: 64520, forwarding: { defaultAction: Deny } }
---
apiVersion: projectcalico.org/v3
kind: HostEndpoint
metadata: { name: left, labels: { side: left } }
spec: { node: gw, interfaceName: eth0 }
---
apiVersion: projectcalico.org/v3
kind: HostEndpoint
metadata: { name: right, labels: { side: right } }
spec: { node: gw, interfaceName: eth1 }
---
apiVersion: projectcalico.org/v3
kind: GlobalNetworkSet
metadata: { name: hosts, labels: { app: client } }
spec: { nets: [10.0.255.2, "fd00:0::2"] }
---
apiVersion: projectcalico.org/v3
kind: GlobalNetworkPolicy
metadata: { name: stateless }
spec:
  order: 1
  doNotTrack: true
  applyOnForward: true
  selector: has(side)
  types: [Ingress]
  ingress:
    - { action: Allow, protocol: UDP, destination: { ports: [4789] } }
---
apiVersion: projectcalico.org/v3
kind: GlobalNetworkPolicy
metadata: { name: through }
spec:
  order: 10
  applyOnForward: true
  selector: side == 'left'
  types: [Ingress]
  ingress:
    - { action: Deny, protocol: UDP, destination: { ports: [53] } }
    - { action: Allow, protocol: UDP, source: { selector: app == 'client' }, destination: { ports: [5000] } }
    - { action: Allow, protocol: TCP, source: { selector: app == 'client' }, destination: { ports: [8080, 9090] } }
---
apiVersion: projectcalico.org/v3
kind: GlobalNetworkPolicy
metadata: { name: out }
spec:
  order: 20
  selector: side == 'right'
  types: [Egress]
  egress:
    - { action: Allow, protocol: UDP, destination: { ports: [123] } }
`;

interface Live {
  readonly verdict: string;
  readonly kernel: { readonly comment: string | null; readonly objects: readonly { readonly packets: number }[] };
  readonly inForce: { readonly isCurrent: boolean };
  readonly ends: { readonly source: { readonly owners: readonly { readonly id: string }[] } };
  readonly live: {
    readonly predicted: { readonly verdict: string };
    readonly changed: Readonly<Record<string, unknown>>;
    readonly observed: { readonly verdict: string; readonly conntrack?: string };
    readonly equal: boolean;
    readonly sameRule: boolean | null;
  };
}

describe('explain packet on a running router', () => {
  let machine: Machine;
  let hosts: RoutedHosts;
  beforeAll(async () => {
    machine = openMachine('explain');
    hosts = joinHosts(machine);
    machine.must('ethtool', '-K', 'eth0', 'gro', 'on');
    machine.apply(resources);
    machine.startAgent('gw');
    await machine.until('gw', (status) => status.policy.inSync && status.routing.forwarding);
  });
  afterAll(() => {
    hosts.close();
    machine.close();
  });

  /** `in eth0 10.0.255.2 10.1.255.2 udp 5000` → options. */
  function options(text: string): string[] {
    const [way = '', src = '', dst = '', protocol = '', dport] = text.split(' ');
    const [side = '', name = ''] = way.split(':');
    const path = side === 'out' ? ['--local', 'out', '--out', name] : ['--in', name];
    return [...path, '--src', src, '--dst', dst, '--protocol', protocol, ...(dport ? ['--dport', dport] : [])];
  }
  const explain = (text: string, ...more: string[]) =>
    machine.causeway('explain', 'packet', '--router', 'gw', ...options(text), ...more);
  const traceTables = () =>
    machine
      .run('nft', 'list', 'tables')
      .stdout.split('\n')
      .filter((line) => /trace/.test(line));

  /** Runs the trace, and the sender once its table is there. */
  async function trace(
    text: string,
    send: () => unknown,
    ...more: string[]
  ): Promise<{ code: number | null; json: Live }> {
    const pending = startTrace(machine, [...options(text), '--live', '-o', 'json', ...more]);
    await eventually(traceTables, (tables) => tables.length === 1);
    send();
    const { code, stdout, stderr } = await pending.ended;
    if (stdout === '') throw new Error(stderr);
    return { code, json: JSON.parse(stdout) as Live };
  }

  const datagram = (host: 'left' | 'right', to: string, port: number) => () =>
    hosts.run(host, 'bash', '-c', `echo hi > /dev/udp/${to}/${port}`);

  it.each<[string, string, () => void, string, string | null]>([
    [
      'forwarded and accepted, by a rule with a selector',
      'in:eth0 10.0.255.2 10.1.255.2 udp 5000',
      () => datagram('left', '10.1.255.2', 5000)(),
      'accept new',
      'GlobalNetworkPolicy/through ingress[1]',
    ],
    [
      'forwarded and dropped by a rule',
      'in:eth0 10.0.255.2 10.1.255.2 udp 53',
      () => datagram('left', '10.1.255.2', 53)(),
      'drop new',
      'GlobalNetworkPolicy/through ingress[0]',
    ],
    [
      'forwarded and dropped at the end of the tier, IPv6',
      'in:eth0 fd00:0::2 fd00:1::2 udp 77',
      () => datagram('left', 'fd00:1::2', 77)(),
      'drop new',
      'Tier/default end of tier',
    ],
    [
      'forwarded and accepted, IPv6',
      'in:eth0 fd00:0::2 fd00:1::2 udp 5000',
      () => datagram('left', 'fd00:1::2', 5000)(),
      'accept new',
      'GlobalNetworkPolicy/through ingress[1]',
    ],
    [
      'untracked',
      'in:eth0 10.0.255.2 10.1.255.2 udp 4789',
      () => datagram('left', '10.1.255.2', 4789)(),
      'accept untracked',
      'GlobalNetworkPolicy/stateless ingress[0]',
    ],
    [
      'for the router itself, dropped',
      'in:eth0 10.0.255.2 10.0.255.1 udp 99',
      () => datagram('left', '10.0.255.1', 99)(),
      'drop new',
      'Tier/default end of tier',
    ],
    [
      'for the router itself, accepted',
      'in:eth0 10.0.255.2 10.0.255.1 tcp 8080',
      () => hosts.run('left', 'bash', '-c', 'timeout 10 bash -c "echo > /dev/tcp/10.0.255.1/8080"'),
      'accept new',
      'GlobalNetworkPolicy/through ingress[2]',
    ],
    [
      'for the router itself, accepted by a failsafe',
      'in:eth0 10.0.255.2 10.0.255.1 tcp 22',
      () => hosts.run('left', 'bash', '-c', 'timeout 10 bash -c "echo > /dev/tcp/10.0.255.1/22"'),
      'accept new',
      'failsafe inbound: ssh',
    ],
    [
      'from the router, accepted',
      'out:eth1 10.1.255.1 10.1.255.2 udp 123',
      () => machine.run('bash', '-c', 'echo hi > /dev/udp/10.1.255.2/123'),
      'accept new',
      'GlobalNetworkPolicy/out egress[0]',
    ],
    [
      'from the router, dropped',
      'out:eth1 10.1.255.1 10.1.255.2 udp 124',
      () => machine.run('bash', '-c', 'echo hi > /dev/udp/10.1.255.2/124'),
      'drop new',
      'Tier/default end of tier',
    ],
    [
      'with no route',
      'in:eth0 10.0.255.2 203.0.113.9 udp 5000',
      () => datagram('left', '203.0.113.9', 5000)(),
      'lost new',
      null,
    ],
  ])('%s: observed is what was predicted', async (_title, packet, send, observed, comment) => {
    const { code, json } = await trace(packet, send);
    expect(`${json.live.observed.verdict} ${json.live.observed.conntrack}`).toBe(observed);
    expect(json.live.equal).toBe(true);
    expect(json.live.sameRule).toBe(comment === null ? null : true);
    expect(json.kernel.comment).toBe(comment);
    expect(code).toBe(0);
    expect(traceTables()).toEqual([]);
  });

  it('names both ends and what the deciding rule has counted', async () => {
    const asked = 'in:eth0 10.0.255.2 10.1.255.2 udp 5000';
    const count = () => {
      const json = JSON.parse(explain(asked, '-o', 'json').stdout) as Live;
      return json.kernel.objects.reduce((sum, { packets }) => sum + packets, 0);
    };
    const before = count();
    datagram('left', '10.1.255.2', 5000)();
    expect(count()).toBe(before + 1);
    const json = JSON.parse(explain(asked, '-o', 'json').stdout) as Live;
    expect(json.ends.source.owners.map(({ id }) => id)).toEqual(['GlobalNetworkSet/hosts']);
    expect(json.inForce.isCurrent).toBe(true);
    const told = explain(asked, '--verbose', '--locate', `${machine.folder}/resources.yaml`).stdout;
    expect(told).toMatch(/^accept: GlobalNetworkPolicy through ingress\[1\]: Allow \(.*resources\.yaml:\d+\)$/m);
    expect(told).toContain('ingress[0]: no match for Deny: destination port 5000 is not 53');
    expect(told).toContain('in force  what is stored');
  });

  it('answers lines on standard input, wrong ones too', () => {
    const lines = [
      { in: 'eth0', src: '10.0.255.2', dst: '10.1.255.2', protocol: 'udp', dport: 5000 },
      { in: 'eth0', src: 'fd00:0::2', dst: 'fd00:1::2', protocol: 'udp', dport: 53 },
      { in: 'eth0', src: '10.0.255.2' },
    ];
    const { program, args, env } = machine.command('explain', 'packet', '--router', 'gw', '--stdin');
    const input = lines.map((line) => `${JSON.stringify(line)}\n`).join('');
    const ran = spawnSync(program, args, { env, input, encoding: 'utf8' });
    const answers = ran.stdout.trimEnd().split('\n');
    expect(answers.map((line) => JSON.parse(line))).toMatchObject([
      { verdict: 'accept', kernel: { comment: 'GlobalNetworkPolicy/through ingress[1]' } },
      { verdict: 'drop', kernel: { comment: 'GlobalNetworkPolicy/through ingress[0]' } },
      { error: 'dst is missing; protocol is missing' },
    ]);
    expect(ran.status).toBe(1);
  });

  it('lists what each rule has met, by tier and policy, and which rules nothing has met', () => {
    const told = machine.causeway('policy', '--router', 'gw', '--counters').stdout;
    const lineOf = (text: string) => told.split('\n').find((line) => line.includes(text)) ?? '';
    expect(lineOf('ingress[1]')).toMatch(
      /^default +GlobalNetworkPolicy\/through +ingress\[1\] +Allow +[1-9]\d* +[1-9]\d* +udp, source app == "client", destination port 5000$/,
    );
    expect(lineOf('Tier/default end of tier')).toMatch(/ [1-9]\d* +[1-9]\d*$/);
    const unmet = machine.causeway('policy', '--router', 'gw', '--counters', '--zero').stdout;
    expect(unmet).not.toContain('ingress[1]');
    expect(unmet).toMatch(/\d+ of \d+ rules have met no packet/);
    expect(machine.causeway('policy', '--router', 'gw').stdout).toContain(
      'endpoint left (eth0)\n  untracked ingress\n    tier default\n      GlobalNetworkPolicy/stateless\n',
    );
  });

  it('follows a packet whose destination NAT changes, in and from the router', async () => {
    machine.must('nft', 'add', 'table', 'inet', 'nat');
    for (const [chain, hook] of [
      ['in', 'prerouting'],
      ['out', 'output'],
    ] as const) {
      machine.must('nft', `add chain inet nat ${chain} { type nat hook ${hook} priority -100; }`);
      const rule = `ip daddr 10.9.9.9 udp dport { 80, 81, 4789 } dnat ip to 10.1.255.2 : udp dport map { 80 : 5000, 81 : 123, 4789 : 1 }`;
      machine.must('nft', `add rule inet nat ${chain} ${rule}`);
    }
    machine.must('ip', 'route', 'add', '10.9.9.9', 'via', '10.1.255.2');
    const forwarded = await trace(
      'in:eth0 10.0.255.2 10.9.9.9 udp 80',
      datagram('left', '10.9.9.9', 80),
      ...['--nat-dst', '10.1.255.2', '--nat-dport', '5000'],
    );
    expect(forwarded.json.live).toMatchObject({ equal: true, sameRule: true, observed: { verdict: 'accept' } });
    expect(forwarded.json.kernel.comment).toBe('GlobalNetworkPolicy/through ingress[1]');
    const own = await trace(
      'out:eth1 10.1.255.1 10.9.9.9 udp 81',
      () => void machine.run('bash', '-c', 'echo hi > /dev/udp/10.9.9.9/81'),
      ...['--nat-dst', '10.1.255.2', '--nat-dport', '123'],
    );
    expect(own.json.live).toMatchObject({ equal: true, sameRule: true, observed: { verdict: 'accept' } });
    expect(JSON.stringify(own.json.live.observed)).toContain('local-dnat');
    // What policy makes untracked has no flow that NAT could change.
    const untouched = await trace(
      'in:eth0 10.0.255.2 10.9.9.9 udp 4789',
      datagram('left', '10.9.9.9', 4789),
      ...['--nat-dst', '10.1.255.2', '--nat-dport', '1'],
    );
    expect(untouched.json.live).toMatchObject({ equal: true, observed: { verdict: 'accept', conntrack: 'untracked' } });
    machine.must('nft', 'delete', 'table', 'inet', 'nat');
  });

  it('asks anew for the packet that came, when that one is established', async () => {
    const serve = 'net.createServer((peer) => peer.pipe(peer)).listen(9090)';
    const talk = `(function open() {
      const peer = net.connect(9090, '10.1.255.2', () => setInterval(() => peer.write('x'), 20));
      peer.on('error', () => setTimeout(open, 50));
    })()`;
    hosts.start('right', process.execPath, '-e', serve);
    const flow = hosts.start('left', process.execPath, '-e', talk);
    const tracked = () => machine.run('conntrack', '-L', '-p', 'tcp', '--dport', '9090').stdout;
    await eventually(tracked, (text) => text.includes('ASSURED'));
    const { code, stdout } = explain('in:eth0 10.0.255.2 10.1.255.2 tcp 9090', '--live', '-o', 'json');
    const json = JSON.parse(stdout) as Live;
    flow.kill('SIGKILL');
    expect(json.live.changed).toMatchObject({ ct: 'established' });
    expect(json.live).toMatchObject({ equal: true, observed: { verdict: 'accept', conntrack: 'established' } });
    expect(code).toBe(0);
  });

  it('knows that an error about a flow goes with it', async () => {
    const { code, json } = await trace(
      'in:eth1 10.1.255.2 10.0.255.2 icmp',
      datagram('left', '10.1.255.2', 5000), // nobody listens there
      ...['--icmp-type', '3', '--icmp-code', '3'],
    );
    expect(json).toMatchObject({ verdict: 'drop', live: { changed: { ct: 'related' }, equal: true } });
    expect(json.live.predicted.verdict).toBe('accept');
    expect(code).toBe(0);
  });

  it('sends the packet itself: forwarded, to the router, from it', () => {
    for (const [packet, verdict] of [
      ['in:eth0 10.0.255.2 10.1.255.2 udp 5000', 'accept'],
      ['in:eth0 fd00:0::2 fd00:1::2 tcp 8080', 'accept'],
      ['in:eth0 10.0.255.2 10.0.255.1 sctp 7', 'drop'],
      ['in:eth0 10.0.255.2 10.1.255.2 icmp', 'drop'],
      ['out:eth1 10.1.255.1 10.1.255.2 udp 123', 'accept'],
      ['out:eth1 fd00:1::1 fd00:1::2 tcp 1', 'drop'],
    ] as const) {
      const { code, stdout, stderr } = explain(packet, '--live', '--send', '--wait', '5', '-o', 'json');
      expect(stderr).toBe('');
      const { live } = JSON.parse(stdout) as Live;
      expect(`${packet}: ${live.observed.verdict} ${live.observed.conntrack} ${live.equal}`).toBe(
        `${packet}: ${verdict} new true`,
      );
      expect(code).toBe(0);
    }
  });

  it('says where a packet cannot be injected, and what to do instead', () => {
    for (const [name, why] of [
      ['lo', 'lo is no Ethernet interface'],
      ['eth9', 'there is no interface eth9'],
    ] as const) {
      const { code, stderr } = explain(`in:${name} 10.1.255.2 10.0.255.2 udp 1`, '--live', '--send');
      expect(code).toBe(1);
      expect(stderr).toContain(why);
      expect(stderr).toContain('without --send the trace waits for a packet that you send yourself');
    }
    expect(traceTables()).toEqual([]);
  });

  it('tells when a packet meets something else than was predicted, and who did it', async () => {
    machine.must('nft', 'add', 'table', 'inet', 'stranger');
    machine.must('nft', 'add chain inet stranger f { type filter hook forward priority 10; }');
    machine.must('nft', 'add', 'rule', 'inet', 'stranger', 'f', 'udp', 'dport', '5000', 'drop');
    const send = datagram('left', '10.1.255.2', 5000);
    const { code, json } = await trace('in:eth0 10.0.255.2 10.1.255.2 udp 5000', send);
    machine.must('nft', 'delete', 'table', 'inet', 'stranger');
    expect(code).toBe(1);
    expect(json.live).toMatchObject({ equal: false, predicted: { verdict: 'accept' }, observed: { verdict: 'drop' } });
    expect(JSON.stringify(json.live.observed)).toContain('dropped in chain f of table stranger');
  });

  it('lets two look for different packets at the same time', async () => {
    const [first, second] = ['udp 5000', 'udp 53'].map((what) =>
      startTrace(machine, [...options(`in:eth0 10.0.255.2 10.1.255.2 ${what}`), '--live', '-o', 'json']),
    );
    await eventually(traceTables, (tables) => tables.length === 2);
    datagram('left', '10.1.255.2', 53)();
    datagram('left', '10.1.255.2', 5000)();
    const seen = await Promise.all([first, second].map(async (trace) => (await trace?.ended)?.stdout ?? ''));
    expect(seen.map((text) => (JSON.parse(text) as Live).live.observed.verdict)).toEqual(['accept', 'drop']);
  });

  it('passes over packets in another state of conntrack than was asked for', async () => {
    hosts.start('left', 'bash', '-c', 'exec 3<>/dev/udp/10.1.255.2/5000; while :; do printf x >&3; sleep 0.05; done');
    const asked = 'in:eth0 10.0.255.2 10.1.255.2 udp 5000';
    const tracked = () => machine.run('conntrack', '-L', '-p', 'udp', '--dport', '5000').stdout;
    await eventually(tracked, (text) => text !== '');
    // Nothing answers, so that to conntrack the flow stays new.
    const { code, stderr } = explain(asked, '--ct', 'established', '--live', '--wait', '1');
    expect(stderr).toContain('no such packet came within 1 s');
    expect(code).toBe(1);
  });

  it('observes a rejection where denials are rejections', async () => {
    machine.apply(`${resources}---
apiVersion: projectcalico.org/v3
kind: FelixConfiguration
metadata: { name: default }
spec: { nftablesFilterDenyAction: Reject }
`);
    const rejects = () => JSON.parse(explain('in:eth0 10.0.255.2 10.1.255.2 udp 53', '-o', 'json').stdout) as Live;
    const isApplied = ({ verdict, inForce }: Live) => verdict === 'reject' && inForce.isCurrent;
    await eventually(rejects, isApplied);
    for (const packet of ['in:eth0 10.0.255.2 10.1.255.2 udp 53', 'in:eth0 fd00:0::2 fd00:1::2 tcp 1']) {
      const { code, stdout } = explain(packet, '--live', '--send', '-o', 'json');
      expect((JSON.parse(stdout) as Live).live).toMatchObject({ equal: true, observed: { verdict: 'reject' } });
      expect(code).toBe(0);
    }
  });

  it('ends with 1 and leaves nothing when no such packet comes, when interrupted, and when killed', async () => {
    const asked = 'in:eth0 10.0.255.2 10.1.255.2 udp 6000';
    const waited = explain(asked, '--live', '--wait', '1');
    expect(waited.code).toBe(1);
    expect(waited.stderr).toContain('no such packet came within 1 s');
    for (const [signal, code] of [
      ['SIGINT', 1],
      ['SIGKILL', null],
    ] as const) {
      const { child, ended } = startTrace(machine, [...options(asked), '--live', '--wait', '60']);
      await eventually(traceTables, (tables) => tables.length === 1);
      child.kill(signal);
      expect((await ended).code).toBe(code);
      expect(await eventually(traceTables, (tables) => tables.length === 0)).toEqual([]);
    }
  });
});

/** `ip netns exec` becomes the program, so that a signal to it is one to the program. */
function startTrace(machine: Machine, args: readonly string[]) {
  const { program, env, args: all } = machine.command('explain', 'packet', '--router', 'gw', ...args);
  const child: ChildProcess = spawn(program, all, { env, stdio: ['ignore', 'pipe', 'pipe'] });
  const texts = { stdout: '', stderr: '' };
  for (const stream of ['stdout', 'stderr'] as const) {
    child[stream]?.on('data', (chunk: Buffer) => {
      texts[stream] += chunk;
    });
  }
  const ended = new Promise<{ code: number | null; stdout: string; stderr: string }>((resolve) => {
    child.on('close', (code) => resolve({ code, ...texts }));
  });
  return { child, ended };
}
