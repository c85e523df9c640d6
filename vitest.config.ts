import { defineConfig } from 'vitest/config';

/** Three projects: what runs anywhere, what needs the real programs and root, and the whole topology in namespaces. */
export default defineConfig({
  test: {
    // A machine that is busy answers late: these limits end what hangs, and assert no speed.
    testTimeout: 180_000,
    hookTimeout: 180_000,
    expect: { poll: { timeout: 20_000 } },
    projects: [
      {
        extends: true,
        test: {
          name: 'unit',
          include: ['src/**/*.test.ts', 'bench/**/*.test.ts', 'test/{arch,conformance,properties}/**/*.test.ts'],
          // They compute: one file for each processor; unless said it is one less.
          maxWorkers: '100%',
          sequence: { groupOrder: 0 },
        },
      },
      {
        extends: true,
        // Each file has namespaces of its own, and waits more than it computes.
        test: {
          name: 'host',
          include: ['test/{scenarios,host}/**/*.test.ts'],
          maxWorkers: 3,
          sequence: { groupOrder: 1 },
        },
      },
      {
        extends: true,
        test: {
          name: 'lab',
          include: ['test/lab/**/*.test.ts'],
          maxWorkers: 1,
          sequence: { groupOrder: 2 },
        },
      },
    ],
  },
});
