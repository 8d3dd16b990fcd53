import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { announce } from "@sluice/board-firmware/server/announce.js";
import { announcedBoards, findBoards, probeBoards, startEmulatedBoard } from "@sluice/host-agent/boards";
import { formatLink, parseLink } from "@sluice/host-agent/transport";
import { TransportError } from "@sluice/sdk/errors.js";
import { pino } from "pino";
import { afterEach, assert, beforeEach, describe, it } from "vitest";

let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "sluice-find-"));
});

afterEach(() => rmSync(directory, { recursive: true, force: true }));

const places = () => ({
  directory,
  configHome: join(directory, "config"),
  usbDirectory: join(directory, "by-id"),
  mdns: false,
});

describe("findBoards", () => {
  it("finds nothing where there is nothing", async () => {
    assert.deepEqual(await findBoards(places()), []);
  });

  it("finds the UART of KV260 carriers, and no other port", async () => {
    mkdirSync(join(directory, "by-id"));
    for (const name of [
      "usb-Xilinx_ML_Carrier_Card_XFL1ABC-if00-port0",
      "usb-Xilinx_ML_Carrier_Card_XFL1ABC-if01-port0",
      "usb-FTDI_Other_Thing_1-if01-port0",
    ]) {
      symlinkSync("/dev/null", join(directory, "by-id", name));
    }
    const [found, ...others] = await findBoards(places());
    assert.deepEqual(others, []);
    assert.equal(found.foundBy, "usb");
    assert.include(found.reason, "XFL1ABC");
    assert.include(found.link, "-if01-port0");
  });

  it("reads the working directory's list before the user's", async () => {
    mkdirSync(join(directory, "config", "sluice"), { recursive: true });
    const user = { boards: [{ name: "home", link: "tcp://10.0.0.1" }] };
    writeFileSync(join(directory, "config", "sluice", "boards.json"), JSON.stringify(user));
    assert.equal((await findBoards(places()))[0].link, "tcp:10.0.0.1:7420");
    const local = { boards: [{ name: "bench", link: "/dev/ttyUSB1:921600" }], other: 1 };
    writeFileSync(join(directory, "sluice.config.json"), JSON.stringify(local));
    const [found] = await findBoards(places());
    assert.equal(found.link, "serial:/dev/ttyUSB1:921600");
    assert.equal((await findBoards({ ...places(), link: "bench" }))[0].link, "serial:/dev/ttyUSB1:921600");
  });

  for (const [what, text] of [
    ["is not JSON", "{"],
    ["has a board without a link", '{"boards":[{"name":"x"}]}'],
    ["has an unreadable address", '{"boards":[{"name":"x","link":"tcp://a:b:c"}]}'],
  ]) {
    it(`names a list that ${what}`, async () => {
      writeFileSync(join(directory, "sluice.config.json"), text);
      const error = await findBoards(places()).catch((thrown) => thrown);
      assert.equal(error.name, "TransportError");
      assert.include(["bad-config", "bad-address"], error.code);
    });
  }

  it("takes the link the user names and looks no further", async () => {
    const [found, ...others] = await findBoards({ ...places(), link: "192.168.1.40" });
    assert.deepEqual(others, []);
    assert.equal(found.link, "tcp:192.168.1.40:7420");
  });

  it("asks every candidate who it is, and keeps the errors of those that do not answer", async () => {
    const board = await startEmulatedBoard({ name: "twin" });
    try {
      const boards = [
        { name: "a", link: `127.0.0.1:${board.port}` },
        { name: "b", link: "127.0.0.1:1" },
      ];
      writeFileSync(join(directory, "sluice.config.json"), JSON.stringify({ boards }));
      const [twin, nobody] = await probeBoards(await findBoards(places()));
      assert.isTrue("hello" in twin && twin.hello.board.name === "twin");
      assert.isTrue("error" in nobody && nobody.error.code === "refused");
    } finally {
      await board.stop();
    }
  });
});

describe("multicast DNS", () => {
  it("finds a board announced on loopback, and never fails", async (context) => {
    const log = pino({ level: "silent" });
    const announcement = await announce({ name: "announced", port: 4_242, interface: "127.0.0.1" }, log);
    const found = await announcedBoards({ listenMs: 1_500, interface: "127.0.0.1" });
    await announcement.stop();
    if (found.length === 0) {
      context.skip("this machine passes no multicast on loopback");
      return;
    }
    assert.include(
      found.map(({ name, port }) => `${name} ${port}`),
      "announced 4242",
    );
  });

  it("finds nobody on an interface that does not exist, without an error", async () => {
    assert.deepEqual(await announcedBoards({ listenMs: 50, interface: "203.0.113.7" }), []);
  });
});

describe("links as people write them", () => {
  for (const [text, link] of [
    ["127.0.0.1", "tcp:127.0.0.1:7420"],
    ["tcp:192.168.1.20", "tcp:192.168.1.20:7420"],
    ["tcp://kv260.local:99", "tcp:kv260.local:99"],
    [":8000", "tcp:127.0.0.1:8000"],
    ["[::1]:8000", "tcp:[::1]:8000"],
    ["/dev/ttyUSB1", "serial:/dev/ttyUSB1"],
    ["serial:///dev/ttyUSB1:921600", "serial:/dev/ttyUSB1:921600"],
  ]) {
    it(`reads ${text}`, () => assert.equal(formatLink(parseLink(text)), link));
  }

  for (const text of ["", "a:b", "tcp:a:99999", "http://x/y", "pigeon:1", "serial:"]) {
    it(`refuses "${text}"`, () => {
      let error: unknown;
      try {
        parseLink(text);
      } catch (thrown) {
        error = thrown;
      }
      assert.instanceOf(error, TransportError);
    });
  }
});
