import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A Node binary as it was published on npm. */
interface PublishedNode {
  readonly binary: Buffer;
  readonly version: string;
  /** The hash of the package's archive, as in a lock file. */
  readonly integrity: string;
}

/**
 * Fetches the package of Node's binary by npm, from its cache or the registry. Throws when it cannot be had.
 *
 * @param version of Node, or of a range such as `24`.
 */
export function fetchNode(version: string, architecture: string): PublishedNode {
  const folder = mkdtempSync(join(tmpdir(), "published-node-"));
  try {
    const packed = run("npm", ["pack", "--json", `node-linux-${architecture}@${version}`], folder);
    const [{ filename, version: exact }] = JSON.parse(packed);
    const archive = join(folder, filename);
    const integrity = `sha512-${createHash("sha512").update(readFileSync(archive)).digest("base64")}`;
    run("tar", ["-xzf", archive, "package/bin/node"], folder);
    return { binary: readFileSync(join(folder, "package/bin/node")), version: exact, integrity };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function run(command: string, args: readonly string[], cwd: string): string {
  const { status, stdout, stderr } = spawnSync(command, args, { cwd, encoding: "utf8" });
  if (status !== 0) throw new Error(`${command} ${args.join(" ")}: ${stderr}`);
  return stdout;
}
