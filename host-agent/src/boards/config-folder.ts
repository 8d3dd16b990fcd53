import { homedir } from "node:os";
import { join } from "node:path";

/** The user's folder for Sluice. @param configHome default $XDG_CONFIG_HOME or ~/.config */
export function configFolder(configHome?: string): string {
  // An empty variable counts as unset (XDG Base Directory Specification).
  return join(configHome ?? (process.env.XDG_CONFIG_HOME || join(homedir(), ".config")), "sluice");
}
