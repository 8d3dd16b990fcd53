/** Announces a board on the local network by multicast DNS, so that hosts find it without an address. */
import type { Logger } from "pino";
import { closeMdns, MDNS_SERVICE, openMdns } from "./mdns.js";

export interface Announcement {
  stop(): Promise<void>;
}

export interface AnnounceOptions {
  readonly name: string;
  readonly port: number;
  /** Interface to announce on, by its address; default what the system chooses. */
  readonly interface?: string;
}

/** Never fails: a board that cannot announce itself still serves. */
export async function announce(options: AnnounceOptions, log: Logger): Promise<Announcement> {
  const warn = (err: unknown) => log.warn({ err }, "this board cannot announce itself on the network");
  const bonjour = await openMdns(options.interface, warn);
  const service = bonjour.publish({
    name: options.name,
    type: MDNS_SERVICE,
    port: options.port,
    probe: false,
  });
  service.on("error", warn);
  return { stop: () => closeMdns(bonjour) };
}
