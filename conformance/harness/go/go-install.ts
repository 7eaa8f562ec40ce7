import { existsSync, mkdirSync } from "node:fs";
import { basename, dirname } from "node:path";
import { runGo } from "./go.ts";

/**
 * Takes the place of a folder that is not there yet by one that a command has filled. Processes that want the same take
 * turns, so that nothing is built twice, and the folder is there whole or not at all.
 */
const fillOnce = `
folder=$1; unfinished=$2; shift 2
test ! -e "$folder" || exit 0
rm -rf "$unfinished"
"$@" && mv -T "$unfinished" "$folder"
`;

/**
 * Has `go install` with these arguments fill a folder, once. Throws with Go's own words when that fails.
 */
export function goInstallOnce(folder: string, args: readonly string[]): void {
  if (existsSync(folder)) return;
  const [parent, name] = [dirname(folder), basename(folder)];
  mkdirSync(parent, { recursive: true });
  const unfinished = `${parent}/unfinished.${name}`;
  const once = ["flock", `${parent}/lock.${name}`, "sh", "-c", fillOnce, "sh", folder, unfinished];
  runGo(["install", ...args], { GOBIN: unfinished, CGO_ENABLED: "0" }, once);
}
