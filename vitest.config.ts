import { defineConfig } from 'vitest/config';

// The limits below only stop a hang; none of them judges speed. A soak runs the same tests with counts that take hours
// without KVM.
const SOAK = process.env['KATA_SOAK'] === '1';
const UNIT_LIMIT_MS = 60_000;
const INTEGRATION_LIMIT_MS = SOAK ? 7_200_000 : 240_000;
// node:ffi says with every process that it is experimental.
const execArgv = ['--disable-warning=ExperimentalWarning'];

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          include: ['test/unit/**/*.test.ts', 'test/replay/codec.test.ts'],
          testTimeout: UNIT_LIMIT_MS,
          hookTimeout: UNIT_LIMIT_MS,
          execArgv,
        },
      },
      {
        test: {
          name: 'integration',
          include: ['test/integration/**/*.test.ts', 'test/replay/agent.test.ts'],
          // A file boots its own VM, and there are two cores: files run one after the other.
          fileParallelism: false,
          testTimeout: INTEGRATION_LIMIT_MS,
          hookTimeout: INTEGRATION_LIMIT_MS,
          execArgv,
        },
      },
    ],
  },
});
