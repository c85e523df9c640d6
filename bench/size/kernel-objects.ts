/**
 * Routes, flows and policy in the kernel, in numbers.
 *
 *   count → [kernel-objects] → ip, conntrack, nft → kernel-memory → bytes of all of them
 */
import { writeFileSync } from 'node:fs';
import type { Family } from '../../src/net/address.ts';
import { type HubSize, hubInterfaces, hubRules, hubWorkloads } from '../control-plane/hub.ts';
import { loadRuleset, type NamespaceName, runBatch, runIn } from '../kernel/sandbox.ts';
import { printPolicy } from '../pipeline.ts';
import { describePolicy } from '../policy-resources.ts';
import { measureKernel } from './kernel-memory.ts';

/** Routes as BIRD writes them: each to a gateway on a link, with our metric. */
export function measureRoutes(family: Family, count: number, rounds: number): Promise<number> {
  const commands = Array.from({ length: count }, (_, route) => {
    const prefix =
      family === 4
        ? `${20 + (route >> 16)}.${(route >> 8) & 255}.${route & 255}.0/24`
        : `2600:${(0x1000 + (route >> 16)).toString(16)}:${(route & 0xffff).toString(16)}::/48`;
    return `route add ${prefix} via ${family === 4 ? '172.16.0.1' : 'fd00:16::1'} dev link0 metric 179`;
  });
  const prepare = (namespace: NamespaceName) =>
    runBatch(namespace, [
      'link add link0 type veth peer name link1',
      `address add ${family === 4 ? '172.16.0.0/31' : 'fd00:16::/127'} dev link0`,
      'link set link1 up',
      'link set link0 up',
    ]);
  return measureKernel(`fib${family}-`, rounds, (namespace) => runBatch(namespace, commands), prepare);
}

/** Established UDP flows as ctnetlink enters them, which gives them the extensions that a packet's flow has. */
export function measureFlows(count: number, rounds: number): Promise<number> {
  return measureKernel('flows', rounds, (namespace) => enterFlows(namespace, count));
}

export function enterFlows(namespace: NamespaceName, count: number): void {
  const lines = Array.from({ length: count }, (_, flow) => {
    const source = `10.${(flow >> 16) & 255}.${(flow >> 8) & 255}.${flow & 255}`;
    return `-A -p udp -s ${source} -d 172.31.0.9 --sport ${1024 + (flow % 5000)} --dport 53 -t 600 -u SEEN_REPLY\n`;
  });
  const file = `/run/${namespace}.flows`;
  writeFileSync(file, lines.join(''));
  runIn(namespace, 'conntrack', ['-R', file]);
}

/** The router's own table, loaded by nft as `render` prints it. */
export function measureSets(size: HubSize, rounds: number): Promise<number> {
  const resources = describePolicy(hubRules(size), hubWorkloads(size), hubInterfaces(size));
  const text = printPolicy(resources);
  return measureKernel('sets', rounds, (namespace) => loadRuleset(namespace, text));
}
