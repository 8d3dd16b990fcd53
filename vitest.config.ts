import { defineConfig } from "vitest/config";

// Tests run against the compiled packages (dist), the same files a user runs; `npm test` builds first.
export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    // The RTL suite needs Verilator and minutes: `npm run test:rtl`.
    exclude: ["test/rtl/**"],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    pool: "forks",
    maxWorkers: 2,
  },
});
