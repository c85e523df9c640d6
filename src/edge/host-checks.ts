/**
 * Looks at the host for what keeps a router from working, for `causeway doctor`.
 *
 * Invariant: only looks. Every finding that is not fine says how to mend it.
 */
import { access, constants, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { logGroup } from '../nftables/flow-log.ts';
import { isServed } from './api-socket.ts';
import { type Finding, fine, unseen } from './finding.ts';
import { printProgramError, runProgram } from './run-program.ts';
import { checkSecrets } from './secret-checks.ts';

export interface HostCheckOptions {
  readonly storeFolder: string;
  readonly runFolder: string;
  readonly secretsFolder: string;
}

export async function checkHost(options: HostCheckOptions): Promise<readonly Finding[]> {
  const findings = await Promise.all([
    checkPrivilege(),
    ...programs.map(checkProgram),
    checkNftables(),
    ...forwardingSwitches.map(checkForwarding),
    checkReversePath(),
    checkMultipathHash(),
    checkOtherForwardChains(),
    checkOtherBird(),
    checkConntrackRoom(),
    checkStateSync(),
    checkFlowLog(options.runFolder),
    checkFolder('store', options.storeFolder),
    checkFolder('run folder', options.runFolder),
    checkSecrets(options.secretsFolder),
  ]);
  return findings.flat();
}

/** Whether this process may change interfaces, routes and rules of its network namespace. */
export async function checkPrivilege(): Promise<Finding> {
  const status = await readText('/proc/self/status');
  const effective = BigInt(`0x${/^CapEff:\s*([0-9a-f]+)$/m.exec(status ?? '')?.[1] ?? '0'}`);
  const netAdmin = 1n << 12n; // CAP_NET_ADMIN, linux/capability.h
  if ((effective & netAdmin) !== 0n) return fine('privilege', 'CAP_NET_ADMIN');
  return {
    check: 'privilege',
    result: 'error',
    found: 'no CAP_NET_ADMIN',
    fix: 'run as root, or give the service AmbientCapabilities=CAP_NET_ADMIN CAP_NET_RAW CAP_NET_BIND_SERVICE CAP_SYS_NICE',
  };
}

/** A group has one reader: in a router's namespace that is to be its agent. */
async function checkFlowLog(runFolder: string): Promise<Finding> {
  const check = 'flow records';
  const path = '/proc/net/netfilter/nfnetlink_log';
  const groups = await readText(path);
  if (groups === undefined && (await isThere(path))) return unseen(check, 'this user may not read who listens');
  if (groups === undefined) {
    return { check, result: 'warning', found: 'the kernel has no nfnetlink_log', fix: 'modprobe nfnetlink_log' };
  }
  const port = new RegExp(`^ *${logGroup} +([0-9]+)`, 'm').exec(groups)?.[1];
  if (port === undefined) return fine(check, `nflog group ${logGroup} is free`);
  const routers = await readdir(runFolder).catch(() => []);
  const served = await Promise.all(routers.map((router) => isServed(join(runFolder, router, 'agent.sock'))));
  if (served.includes(true)) return fine(check, `nflog group ${logGroup} is read, and an agent runs`);
  return {
    check,
    result: 'warning',
    found: `nflog group ${logGroup} is read by another program (netlink port ${port}, often its process id)`,
    fix: 'end it, or let it read another group: an agent cannot record denied packets otherwise',
  };
}

const programs = [
  { program: 'nft', args: ['--version'], version: /v(\d+\.\d+(?:\.\d+)?)/, least: '1.0.6', debian: 'nftables' },
  { program: 'bird', args: ['--version'], version: /version (\d+\.\d+(?:\.\d+)?)/, least: '2.0.12', debian: 'bird2' },
  { program: 'ip', args: ['-V'], version: /iproute2-(\d+\.\d+(?:\.\d+)?)/, least: '6.1.0', debian: 'iproute2' },
] as const;

async function checkProgram(wanted: (typeof programs)[number]): Promise<Finding> {
  const output = await runProgram(wanted.program, wanted.args);
  const fix = `apt-get install ${wanted.debian}`;
  if (!output.ok) return { check: wanted.program, result: 'error', found: printProgramError(output.error), fix };
  const version = wanted.version.exec(output.value.stdout + output.value.stderr)?.[1];
  if (version === undefined) {
    return { check: wanted.program, result: 'warning', found: 'a version that says no number', fix };
  }
  if (compareVersions(version, wanted.least) >= 0) return fine(wanted.program, version);
  const found = `${version}, older than ${wanted.least}, with which Causeway is tested`;
  return { check: wanted.program, result: 'warning', found, fix: `${fix} from a newer Debian` };
}

function compareVersions(a: string, b: string): number {
  const [left, right] = [a.split('.').map(Number), b.split('.').map(Number)];
  for (let i = 0; i < 3; i++) if ((left[i] ?? 0) !== (right[i] ?? 0)) return (left[i] ?? 0) - (right[i] ?? 0);
  return 0;
}

/** A table with every kind of object that policy is compiled to; `nft -c` asks the kernel without changing it. */
const probeTable = `table inet causeway_doctor {
  map m { typeof ip saddr . ip daddr . meta l4proto . th dport : verdict; flags interval; counter; }
  map n { typeof iifname . ip6 saddr . meta l4proto . th dport : verdict; flags interval; counter; }
  chain c { type filter hook forward priority filter; ct state vmap { established : accept }; ip saddr . ip daddr . meta l4proto . th dport vmap @m; }
  chain d { iifname . ip6 saddr . meta l4proto . th dport vmap @n; tcp option maxseg size > 1300 tcp option maxseg size set 1300; }
}
`;

async function checkNftables(): Promise<Finding> {
  const output = await runProgram('nft', ['-c', '-f', '-'], { input: probeTable });
  const found = output.ok ? output.value.stderr.trim().split('\n')[0] : printProgramError(output.error);
  if (output.ok && output.value.exitCode === 0)
    return fine('nf_tables', 'verdict maps, intervals, conntrack, segment sizes');
  const fix =
    'use a kernel with nf_tables, nft_ct, nft_exthdr and concatenated intervals (5.6 or newer), and run as root';
  return { check: 'nf_tables', result: 'error', found: found ?? 'refused', fix };
}

const forwardingSwitches = [
  { check: 'IPv4 forwarding', path: '/proc/sys/net/ipv4/ip_forward', name: 'net.ipv4.ip_forward' },
  { check: 'IPv6 forwarding', path: '/proc/sys/net/ipv6/conf/all/forwarding', name: 'net.ipv6.conf.all.forwarding' },
];

async function checkForwarding(wanted: (typeof forwardingSwitches)[number]): Promise<Finding> {
  const value = await readText(wanted.path);
  if (value === '1') return fine(wanted.check, 'on');
  return {
    check: wanted.check,
    result: 'warning',
    found: value === undefined ? 'this kernel does not have it' : 'off',
    fix: `the agent switches it on once policy is in the kernel; by hand: sysctl -w ${wanted.name}=1`,
  };
}

async function checkReversePath(): Promise<Finding> {
  const folder = '/proc/sys/net/ipv4/conf';
  const all = Number((await readText(`${folder}/all/rp_filter`)) ?? 0);
  const names = (await readdir(folder).catch(() => [])).filter((name) => !['all', 'default', 'lo'].includes(name));
  const strict: string[] = [];
  for (const name of names) {
    const own = Number((await readText(`${folder}/${name}/rp_filter`)) ?? 0);
    if (Math.max(all, own) === 1) strict.push(name);
  }
  if (strict.length === 0) return fine('rp_filter', 'off or loose');
  return {
    check: 'rp_filter',
    result: 'warning',
    found: `strict on ${strict.sort().join(', ')}`,
    fix: 'with two routers or two paths strict mode drops replies: sysctl -w net.ipv4.conf.all.rp_filter=2',
  };
}

async function checkMultipathHash(): Promise<Finding> {
  const value = await readText('/proc/sys/net/ipv4/fib_multipath_hash_policy');
  if (value !== '0') return fine('multipath hash', value === undefined ? 'not in this kernel' : `policy ${value}`);
  return {
    check: 'multipath hash',
    result: 'warning',
    found: 'by addresses only',
    fix: 'spread flows by port too: sysctl -w net.ipv4.fib_multipath_hash_policy=1 net.ipv6.fib_multipath_hash_policy=1',
  };
}

async function checkOtherForwardChains(): Promise<Finding> {
  const check = 'other forward chains';
  const output = await runProgram('nft', ['-j', 'list', 'chains']);
  if (!output.ok || output.value.exitCode !== 0) return unseen(check, 'cannot be listed');
  const listing = JSON.parse(output.value.stdout) as { nftables?: readonly { chain?: NftChain }[] };
  const dropping = (listing.nftables ?? [])
    .map((entry) => entry.chain)
    .filter((chain) => chain?.hook === 'forward' && chain.policy === 'drop' && chain.table !== 'causeway')
    .map((chain) => `${chain?.family} ${chain?.table} ${chain?.name}`);
  if (dropping.length === 0) return fine(check, 'none that drops by default');
  const fix = 'let that ruleset accept what Causeway accepts, or remove it: a packet must pass both';
  return { check, result: 'warning', found: dropping.join(', '), fix };
}

interface NftChain {
  readonly family: string;
  readonly table: string;
  readonly name: string;
  readonly hook?: string;
  readonly policy?: string;
}

async function checkOtherBird(): Promise<Finding> {
  const socket = '/run/bird/bird.ctl';
  if (!(await isServed(socket))) return fine('other BIRD', 'none on its usual socket');
  return {
    check: 'other BIRD',
    result: 'warning',
    found: `one answers at ${socket}`,
    fix: 'two BIRDs fight for port 179: systemctl disable --now bird',
  };
}

async function checkConntrackRoom(): Promise<Finding> {
  const count = Number(await readText('/proc/sys/net/netfilter/nf_conntrack_count'));
  const max = Number(await readText('/proc/sys/net/netfilter/nf_conntrack_max'));
  if (!(max > 0)) return fine('conntrack table', 'not loaded yet');
  const found = `${count} of ${max} flows`;
  if (count < max * 0.8) return fine('conntrack table', found);
  const fix = `it drops new flows when full: sysctl -w net.netfilter.nf_conntrack_max=${max * 4}`;
  return { check: 'conntrack table', result: 'warning', found, fix };
}

/** What Router.stateSync needs; a router that shares no state does without. */
async function checkStateSync(): Promise<Finding> {
  const check = 'conntrackd';
  const output = await runProgram('conntrackd', ['-v']);
  if (!output.ok) {
    const fix = 'only where Router.stateSync is set: apt-get install conntrackd';
    return { check, result: 'warning', found: printProgramError(output.error), fix };
  }
  const events = '/proc/sys/net/netfilter/nf_conntrack_events';
  if ((await readText(events)) === '0') {
    const fix = 'no flow would be shared: sysctl -w net.netfilter.nf_conntrack_events=2';
    return { check, result: 'warning', found: 'the kernel tells of no flows', fix };
  }
  return fine(check, /v(\d+\.\d+(?:\.\d+)?)/.exec(output.value.stdout)?.[1] ?? 'installed');
}

async function checkFolder(check: string, folder: string): Promise<Finding> {
  try {
    await access(folder, constants.R_OK | constants.W_OK);
    return fine(check, folder);
  } catch (error) {
    const isAbsent = (error as NodeJS.ErrnoException).code === 'ENOENT';
    if (isAbsent) return fine(check, `${folder}, made when first used`);
    return { check, result: 'error', found: `${folder} cannot be written`, fix: 'run as its owner, or name another' };
  }
}

async function isThere(path: string): Promise<boolean> {
  return access(path, constants.F_OK).then(
    () => true,
    () => false,
  );
}

async function readText(path: string): Promise<string | undefined> {
  try {
    return (await readFile(path, 'utf8')).trim();
  } catch {
    return undefined;
  }
}
