/**
 * What systemd wants to hear from a service: ready, stopping, and a sign of life in time for its watchdog. The protocol
 * is that of sd_notify(3): datagrams to the Unix socket that $NOTIFY_SOCKET names.
 */
import koffi from "koffi";

const AF_UNIX = 1;
const SOCK_DGRAM_CLOEXEC = 2 | 0o2000000;
const MSG_NOSIGNAL = 0x4000;
const PATH_BYTES = 108;

export interface ServiceManager {
  /** The runtime accepts connections. From here on the watchdog is fed from the event loop: one that hangs is restarted. */
  ready(): void;
  stopping(): void;
}

/** Does nothing where no service manager listens. */
export function serviceManager(environment: NodeJS.ProcessEnv = process.env): ServiceManager {
  const socket = environment.NOTIFY_SOCKET;
  if (!socket) return { ready: () => undefined, stopping: () => undefined };
  const notify = notifier(socket);
  let feeding: NodeJS.Timeout | undefined;
  return {
    ready() {
      notify("READY=1");
      const everyMs = watchdogMs(environment) / 2;
      if (everyMs > 0) feeding = setInterval(() => notify("WATCHDOG=1"), everyMs);
      feeding?.unref();
    },
    stopping() {
      clearInterval(feeding);
      notify("STOPPING=1");
    },
  };
}

/** 0 without a watchdog, or when it is meant for another process. */
function watchdogMs({ WATCHDOG_USEC, WATCHDOG_PID }: NodeJS.ProcessEnv): number {
  const forUs = WATCHDOG_PID === undefined || Number(WATCHDOG_PID) === process.pid;
  const microseconds = Number(WATCHDOG_USEC ?? 0);
  return forUs && Number.isFinite(microseconds) ? microseconds / 1000 : 0;
}

function notifier(path: string): (message: string) => void {
  const libc = koffi.load("libc.so.6");
  const open = libc.func("int socket(int domain, int type, int protocol)");
  const close = libc.func("int close(int fd)");
  const send = libc.func(
    "int64_t sendto(int fd, uint8_t *bytes, size_t length, int flags, uint8_t *address, uint32_t addressBytes)",
  );
  const address = socketAddress(path);
  return (message) => {
    const descriptor: number = open(AF_UNIX, SOCK_DGRAM_CLOEXEC, 0);
    if (descriptor < 0) return;
    const bytes = Buffer.from(message);
    // A manager that does not listen any more is no reason to stop serving.
    send(descriptor, bytes, bytes.length, MSG_NOSIGNAL, address, address.length);
    close(descriptor);
  };
}

/** struct sockaddr_un; a leading "@" means the abstract namespace. */
function socketAddress(path: string): Buffer {
  const name = Buffer.from(path.startsWith("@") ? `\0${path.slice(1)}` : `${path}\0`);
  if (name.length > PATH_BYTES) throw new RangeError(`NOTIFY_SOCKET is longer than ${PATH_BYTES} bytes`);
  const address = Buffer.alloc(2 + name.length);
  address.writeUInt16LE(AF_UNIX, 0);
  name.copy(address, 2);
  return address;
}
