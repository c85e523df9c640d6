/** A hundred IPsec tunnels of one router at once, each with a charon of its own at both ends. */
import { afterEach, expect, it } from 'vitest';
import { type IpsecPair, layIpsecPair, tunnelOf } from './ipsec-pair.ts';

let pair: IpsecPair;

afterEach(() => pair.remove());

const numbers = Array.from({ length: 100 }, (_, i) => i + 1);

it('a hundred tunnels come up, and looking at them again starts nothing', async () => {
  pair = layIpsecPair('many');
  const at = (i: number): { readonly localPort: number } => ({ localPort: 5000 + i });
  const tunnelsB = numbers.map((i) => tunnelOf('b', i, at(i)));
  const tunnelsA = numbers.map((i) => ({ ...tunnelOf('a', i), remotePort: at(i).localPort }));
  // None is in another's way when they start.
  const begun = await pair.driver('b').ensure(tunnelsB, pair.secrets.b);
  expect(begun.filter(({ state }) => state === 'failed')).toEqual([]);
  await pair.join(tunnelsA, tunnelsB, 400_000);
  const before = await pair.charons('a');
  expect(before.size).toBe(100);
  await pair.driver('a').ensure(tunnelsA, pair.secrets.a);
  expect(await pair.charons('a')).toEqual(before);
  for (const i of [1, 50, 100]) {
    const told = pair.cable.run('a', 'ping', '-c', '2', '-W', '2', '-i', '0.2', `169.254.${i}.2`);
    expect(told).toContain(' 0% packet loss');
  }
}, 600_000);
