import {
  appendFileSync,
  closeSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { TestContext } from "node:test";
import { type About, formatAbout } from "../executable/about.ts";
import { checkSamples, formatStamp, stampLength } from "../executable/stamp.ts";
import { openSelf, type Self } from "./self.ts";

/** A program of this machine that is small. */
const program = readFileSync("/bin/true");

export const linked: About = { version: "2.0.0", commit: "abc", plugins: ["bridge", "portmap", "tuning"] };

/** A folder that goes with the test. */
export function folderFor(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), "install-test-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Writes what looks like an executable of ours. */
export function writeOurs(path: string, about: About): void {
  writeFileSync(path, program, { mode: 0o755 });
  appendFileSync(path, formatAbout(about));
  const { size } = statSync(path);
  const fd = openSync(path, "r");
  const samples = checkSamples(fd, size);
  closeSync(fd);
  appendFileSync(path, formatStamp({ identity: "a1".repeat(32), size: size + stampLength, samples }));
}

/** Such an executable in a folder of its own, as the one that runs. */
export function selfFor(t: TestContext, about = linked): Self & { readonly folder: string } {
  const folder = folderFor(t);
  const path = join(folder, "self");
  writeOurs(path, about);
  const self = openSelf(path);
  t.after(() => closeSync(self.fd));
  return { ...self, folder: dirname(path) };
}
