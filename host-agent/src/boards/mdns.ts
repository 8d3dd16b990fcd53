/** Boards that announce themselves on the local network (`sluice board --announce`), by multicast DNS. */
import { closeMdns, MDNS_SERVICE, openMdns } from "@sluice/board-firmware/server/mdns.js";

export interface AnnouncedBoard {
  readonly name: string;
  readonly host: string;
  readonly port: number;
}

export interface MdnsOptions {
  /** How long to listen. Default 400 ms. */
  readonly listenMs?: number;
  /** Interface to ask on, by its address; default what the system chooses. */
  readonly interface?: string;
}

/** Never fails: on a network without multicast no board announces itself. */
export async function announcedBoards(options: MdnsOptions = {}): Promise<AnnouncedBoard[]> {
  const found = new Map<string, AnnouncedBoard>();
  const bonjour = await openMdns(options.interface, () => undefined);
  const browser = bonjour.find({ type: MDNS_SERVICE }, ({ name, host, port, addresses, referer }) => {
    const address = addresses?.find((candidate) => candidate.includes(".")) ?? referer?.address ?? host;
    found.set(`${address}:${port}`, { name, host: address, port });
  });
  await new Promise((resolve) => setTimeout(resolve, options.listenMs ?? 400));
  browser.stop();
  await closeMdns(bonjour);
  return [...found.values()];
}
