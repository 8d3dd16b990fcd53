import { defineConfig } from "vitest/config";

// The Verilated overlay; `npm run test:rtl` builds it first and says what to install where Verilator is missing.
export default defineConfig({
  test: {
    include: ["test/rtl/**/*.test.ts"],
    testTimeout: 300_000,
    hookTimeout: 300_000,
    pool: "forks",
    maxWorkers: 2,
  },
});
