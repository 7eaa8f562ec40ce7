import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { basename } from "node:path";

const algorithms = ["sha256", "sha512"] as const;

/**
 * Writes FILE.sha256 and FILE.sha512 as sha256sum does: the hash, two spaces, and the file's name without folders, so
 * that `sha256sum --check` works where both were downloaded to. Returns their paths.
 */
export function writeChecksums(file: string): readonly string[] {
  const bytes = readFileSync(file);
  return algorithms.map((algorithm) => {
    const path = `${file}.${algorithm}`;
    writeFileSync(path, `${createHash(algorithm).update(bytes).digest("hex")}  ${basename(file)}\n`);
    return path;
  });
}

/** Throws when a file's checksums are missing, or of something else. */
export function assertChecksums(file: string): void {
  const bytes = readFileSync(file);
  for (const algorithm of algorithms) {
    const hash = createHash(algorithm).update(bytes).digest("hex");
    const text = readFileSync(`${file}.${algorithm}`, "utf8");
    if (text !== `${hash}  ${basename(file)}\n`) throw new Error(`${file}.${algorithm} is of another file`);
  }
}
