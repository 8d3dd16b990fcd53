/** systemd's side of sd_notify, played by a datagram socket: what arrives, and when. */
import { execFileSync, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import koffi from "koffi";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

const AF_UNIX = 1;
const SOCK_DGRAM_NONBLOCK = 2 | 0o4000;
const libc = koffi.load("libc.so.6");
const socket = libc.func("int socket(int domain, int type, int protocol)");
const bind = libc.func("int bind(int fd, uint8_t *address, uint32_t bytes)");
const receive = libc.func("int64_t recv(int fd, _Out_ uint8_t *bytes, size_t length, int flags)");
const close = libc.func("int close(int fd)");

const firmware = createRequire(import.meta.url).resolve("@sluice/board-firmware/package.json");
const script = join(dirname(firmware), "bin", "sluice-board.js");

describe("the runtime under a service manager", () => {
  let folder: string;
  let path: string;
  let descriptor: number;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "sluice-notify-"));
    path = join(folder, "notify");
    descriptor = socket(AF_UNIX, SOCK_DGRAM_NONBLOCK, 0);
    const address = Buffer.concat([Buffer.from([AF_UNIX, 0]), Buffer.from(`${path}\0`)]);
    expect(bind(descriptor, address, address.length)).toBe(0);
  });
  afterEach(() => {
    close(descriptor);
    rmSync(folder, { recursive: true });
  });

  function messages(): string[] {
    const found: string[] = [];
    const bytes = Buffer.alloc(256);
    for (;;) {
      const length: number = receive(descriptor, bytes, bytes.length, 0);
      if (length <= 0) return found;
      found.push(bytes.toString("latin1", 0, length));
    }
  }

  it("says READY when it serves, feeds the watchdog, and says STOPPING", async () => {
    const env = { ...process.env, NOTIFY_SOCKET: path, WATCHDOG_USEC: "200000" };
    const board = spawn(process.execPath, [script, "--tcp", "127.0.0.1:0", "--with-parent"], {
      env,
      stdio: ["pipe", "pipe", "inherit"],
    });
    try {
      await new Promise((resolve) => board.stdout.once("data", resolve));
      await pause(700);
      const serving = messages();
      expect(serving[0]).toBe("READY=1");
      // One every 100 ms; a busy machine may be late with some.
      expect(serving.filter((message) => message === "WATCHDOG=1").length).toBeGreaterThanOrEqual(3);
    } finally {
      board.stdin.end();
      await new Promise((resolve) => board.once("exit", resolve));
    }
    expect(messages()).toContain("STOPPING=1");
  });

  it("keeps a watchdog that is meant for another process unfed", async () => {
    const { serviceManager } = await import("@sluice/board-firmware/service");
    const manager = serviceManager({ NOTIFY_SOCKET: path, WATCHDOG_USEC: "20000", WATCHDOG_PID: "1" });
    manager.ready();
    await pause(60);
    manager.stopping();
    expect(messages()).toEqual(["READY=1", "STOPPING=1"]);
  });

  it("is written into a unit that systemd accepts", ({ skip }) => {
    const unit = join(dirname(firmware), "release", "files", "sluice-board.service");
    let output: string;
    try {
      output = execFileSync("systemd-analyze", ["verify", "--man=no", unit], {
        encoding: "utf8",
        stdio: "pipe",
      });
    } catch (error) {
      const failure = error as NodeJS.ErrnoException & { stderr?: string };
      if (failure.code === "ENOENT") return skip("no systemd-analyze here");
      output = String(failure.stderr);
    }
    // The only thing missing on this machine is the installed command itself.
    const complaints = output.split("\n").filter((line) => line.includes("sluice-board"));
    expect(complaints.filter((line) => !line.includes("is not executable"))).toEqual([]);
  });
});
