import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    projects: [
      { test: { name: 'unit', include: ['src/**/*.test.ts', 'test/*.test.ts'], testTimeout: 60_000 } },
      // Machines boot under emulation, which takes minutes and a core each.
      {
        test: {
          name: 'boot',
          include: ['test/boot/*.test.ts'],
          globalSetup: 'test/boot/shared-cache.ts',
          testTimeout: 1_800_000,
          hookTimeout: 1_800_000,
        },
      },
    ],
  },
})
