import { hostname, userInfo } from "node:os";

/** Who this host is, for people at the board: "ada@bench". */
export function hostName(): string {
  return `${userInfo().username}@${hostname()}`.slice(0, 200);
}
