/** Multicast DNS that never takes the process down: a network without it is a normal thing. */
import type { Bonjour } from "bonjour-service";

/** `_sluice._tcp` */
export const MDNS_SERVICE = "sluice";

/** The library passes these on to its socket, though its types do not say so. */
type MdnsSocket = ConstructorParameters<typeof Bonjour>[0] & {
  readonly interface?: string;
  readonly bind?: string;
};

/** @param address of the interface to use; default what the system chooses */
export async function openMdns(
  address: string | undefined,
  onError: (error: unknown) => void,
): Promise<Bonjour> {
  const { Bonjour } = await import("bonjour-service");
  // Bound to every address because a socket bound to one of them hears no multicast on Linux.
  const socket: MdnsSocket = address === undefined ? {} : { interface: address, bind: "0.0.0.0" };
  const bonjour = new Bonjour(socket, onError);
  // The library reports a failed socket as an event of an inner object, which nobody else listens to.
  const server: unknown = Reflect.get(bonjour, "server");
  const inner = server !== null && typeof server === "object" ? Reflect.get(server, "mdns") : undefined;
  if (inner instanceof Object && "on" in inner && typeof inner.on === "function") {
    inner.on("error", onError);
    inner.on("warning", onError);
  }
  return bonjour;
}

/** Closes the sockets; never waits longer than half a second for a network that went away. */
export function closeMdns(bonjour: Bonjour): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, 500);
    bonjour.unpublishAll(() =>
      bonjour.destroy(() => {
        clearTimeout(timer);
        resolve();
      }),
    );
  });
}
