/** `vitest` for machines its own binaries do not run on: Node's test runner with vitest's expect, which is plain JavaScript. */
import { createRequire } from "node:module";
import { after, afterEach, before, beforeEach, describe, it } from "node:test";
import { pathToFileURL } from "node:url";

const { resolve } = createRequire(`${process.env.SLUICE_REPOSITORY}/package.json`);
const chai = await import(pathToFileURL(resolve("chai")).href);
const vitest = await import(pathToFileURL(resolve("@vitest/expect")).href);
for (const plugin of [vitest.JestExtend, vitest.JestChaiExpect, vitest.JestAsymmetricMatchers])
  chai.use(plugin);

function expect(value, message) {
  return chai.expect(value, message);
}
Object.assign(expect, chai.expect);
for (const name of [
  "objectContaining",
  "arrayContaining",
  "stringContaining",
  "stringMatching",
  "any",
  "anything",
  "closeTo",
]) {
  expect[name] = chai.expect[name];
}
vitest.setState({ assertionCalls: 0, expectedAssertionsNumber: null }, expect);
globalThis[vitest.GLOBAL_EXPECT] = expect;

const { assert } = chai;

export {
  after as afterAll,
  afterEach,
  assert,
  before as beforeAll,
  beforeEach,
  describe,
  expect,
  it,
  it as test,
};
