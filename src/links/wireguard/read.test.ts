import { expect, it } from 'vitest';
import { readWireguard } from './read.ts';

it('reads devices with their peers, and leaves keys that are secret where they are', () => {
  const text = [
    'wg0\t(private)\tPUBLIC=\t51820\t0x10000000',
    'wg0\tPEER=\t(preshared)\t[2001:db8::1]:51821\t0.0.0.0/0,::/0\t1700000000\t184\t248\t25',
    'wg1\t(none)\t(none)\t0\toff',
    'wg1\tOTHER=\t(none)\t(none)\t(none)\t0\t0\t0\toff',
    'a line of another shape',
    '',
  ].join('\n');
  const devices = readWireguard(text);
  expect(devices).toEqual([
    {
      interfaceName: 'wg0',
      publicKey: 'PUBLIC=',
      listenPort: 51820,
      fwmark: 0x10000000,
      peers: [
        {
          publicKey: 'PEER=',
          endpoint: '[2001:db8::1]:51821',
          allowedIps: ['0.0.0.0/0', '::/0'],
          latestHandshake: 1700000000,
          received: 184,
          sent: 248,
          keepalive: 25,
        },
      ],
    },
    {
      interfaceName: 'wg1',
      publicKey: undefined,
      listenPort: 0,
      fwmark: 0,
      peers: [
        {
          publicKey: 'OTHER=',
          endpoint: undefined,
          allowedIps: [],
          latestHandshake: 0,
          received: 0,
          sent: 0,
          keepalive: 0,
        },
      ],
    },
  ]);
  expect(JSON.stringify(devices)).not.toMatch(/private|preshared/);
});
