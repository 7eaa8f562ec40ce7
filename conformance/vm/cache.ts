import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, statSync, utimesSync } from "node:fs";

/** What is costly to make and is kept outside the repository: kernels and disk images. */
export function cacheFolder(): string {
  const folder = `${process.env["XDG_CACHE_HOME"] ?? "/var/cache"}/cni-plugins-ts/vm`;
  mkdirSync(folder, { recursive: true });
  return folder;
}

/**
 * The path of a kept file or folder, made by `make` (which is given the path to write to) when it is not there yet.
 * It appears whole or not at all. Of the same `prefix`, the ones least recently used are removed beyond `keep`.
 */
export function cached(prefix: string, key: string, keep: number, make: (path: string) => void): string {
  const folder = cacheFolder();
  const path = `${folder}/${prefix}${key}`;
  if (!existsSync(path)) {
    const unfinished = `${folder}/unfinished.${process.pid}.${prefix}${key}`;
    try {
      make(unfinished);
      renameSync(unfinished, path);
    } catch (error) {
      rmSync(unfinished, { recursive: true, force: true });
      if (!existsSync(path)) throw error;
    }
  }
  const now = new Date();
  utimesSync(path, now, now);
  const others = readdirSync(folder)
    .filter((name) => name.startsWith(prefix) && `${folder}/${name}` !== path)
    .map((name) => ({ name, used: statSync(`${folder}/${name}`).mtimeMs }))
    .sort((a, b) => b.used - a.used);
  for (const { name } of others.slice(keep - 1))
    rmSync(`${folder}/${name}`, { recursive: true, force: true });
  return path;
}

/** A short name for files as they are now: other sizes, times or paths give another one. */
export function fingerprint(paths: readonly string[], ...more: readonly string[]): string {
  const hash = createHash("sha256");
  for (const path of paths) {
    const { size, mtimeMs } = statSync(path);
    hash.update(`${path} ${size} ${mtimeMs}\n`);
  }
  for (const text of more) hash.update(`${text}\n`);
  return hash.digest("hex").slice(0, 16);
}
