import { join } from "node:path";

/** The path of what is costly to find out and is kept outside the repository. */
export function cacheFile(name: string): string {
  return join(process.env["XDG_CACHE_HOME"] ?? "/var/cache", "cni-plugins-ts", name);
}
