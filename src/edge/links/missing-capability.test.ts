import { expect, it } from 'vitest';
import { withMissing } from './missing-capability.ts';

it.each([
  ['unshare: unshare failed: Operation not permitted', 'CAP_SYS_ADMIN'],
  ['libbpf: Failed to bump RLIMIT_MEMLOCK (err = -1), you might need to do it explicitly!', 'CAP_BPF'],
] as const)('%s: what the agent is to be given is said behind it', (said, capability) => {
  expect(withMissing(capability, said)).toBe(`${said}: give the agent ${capability} (packaging/stand-ins.conf)`);
});

it('what has another reason stays as it was said', () => {
  expect(withMissing('CAP_BPF', 'Error: Cannot find device "dx0"')).toBe('Error: Cannot find device "dx0"');
});
