/** `npm run release -- --check`: opens every file of a release. */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { pluginNames } from "../program/plugin-names.ts";
import { assertChecksums } from "./checksums.ts";
import { checkAsFinch, checkAsNerdctl, checkAsNomad, checkDirectory, checkSum } from "./consumers.ts";
import { verifiedStatement } from "./provenance.ts";

const most = { archive: 45e6, unpacked: 75e6 };

interface CheckedRelease {
  readonly folder: string;
  readonly version: string;
  /** The public half of the key that signed it, as PEM; undefined to let the signature be. */
  readonly key: string | undefined;
}

/**
 * Checks the files of a release, and tells what it found. Executables of another architecture are not run.
 *
 * @param tell is given a line for everything that holds.
 * @throws Error for the first thing that does not.
 */
export async function checkRelease(
  { folder, version, key }: CheckedRelease,
  tell: (line: string) => void,
): Promise<void> {
  const archives = readdirSync(folder).filter((name) => name.endsWith(".tgz"));
  if (archives.length === 0) throw new Error(`${folder} has no archive: npm run release`);
  for (const name of archives) {
    const archive = join(folder, name);
    assertChecksums(archive);
    checkSum(archive);
    tell(`${name}: its checksums are those of the file, for sha256sum --check too`);
    checkOwners(archive);
    tell(`${name}: all members are of root, programs 0755 and texts 0644`);
    if (process.getuid?.() === 0) {
      for (const tar of tars()) checkDirectory(archive, tar);
      tell(
        `${name}: unpacked by ${tars()
          .map(([program]) => program)
          .join(" and ")}, its directory is root's and open to all`,
      );
    }
    const work = mkdtempSync(join(tmpdir(), "release-check-"));
    try {
      run("tar", ["-xzf", archive, "-C", work]);
      checkBill(work, join(folder, name.replace(/\.tgz$/, ".spdx.json")));
      tell(`${name}: the bill of materials has the hashes of what is in it`);
      if (isForThisMachine(name)) {
        checkPrograms(work, version);
        tell(`${name}: each program says its name and v${version}, and answers VERSION`);
        checkAsNerdctl(work);
        checkAsNomad(work);
        checkAsFinch(work, version);
        tell(`${name}: nerdctl, Nomad and finch find their versions`);
      }
      if (!name.includes("separate")) {
        const unpacked = sizeOf(work);
        if (statSync(archive).size > most.archive || unpacked > most.unpacked)
          throw new Error(`${name} is too large: ${statSync(archive).size} bytes, unpacked ${unpacked}`);
        tell(`${name}: ${megabytes(statSync(archive).size)}, unpacked ${megabytes(unpacked)}`);
      }
    } finally {
      rmSync(work, { recursive: true });
    }
  }
  checkStatement(join(folder, `cni-plugins-ts-v${version}.intoto.json`), folder);
  tell("the statement of provenance has the hashes of the archives");
  if (key === undefined) return;
  verifiedStatement(readFileSync(join(folder, `cni-plugins-ts-v${version}.intoto.jsonl`), "utf8"), key);
  tell("the statement is signed by this key");
}

function tars(): readonly [string, ...string[]][] {
  const hasBusybox = spawnSync("busybox", ["true"]).status === 0;
  return hasBusybox ? [["tar"], ["busybox", "tar"]] : [["tar"]];
}

function checkOwners(archive: string): void {
  const lines = run("tar", ["--numeric-owner", "-tvzf", archive]).trim().split("\n");
  const names = new Set<string>();
  for (const line of lines) {
    const [, mode = "", owner, , , , name = ""] =
      /^(\S+)\s+(\S+)\s+(\d+)\s+(\S+)\s+(\S+)\s+(\S+)/.exec(line) ?? [];
    const plain = name.replace(/^\.\//, "");
    names.add(plain);
    const wanted = plain === "" ? "drwxr-xr-x" : pluginNames.includes(plain) ? "rwxr-xr-x" : "-rw-r--r--";
    if (owner !== "0/0" || !mode.endsWith(wanted) || !name.startsWith("./"))
      throw new Error(`${basename(archive)}: ${line}`);
  }
  const missing = pluginNames.filter((name) => !names.has(name));
  if (missing.length > 0) throw new Error(`${basename(archive)} has no ${missing.join(", ")}`);
}

function checkBill(work: string, beside: string): void {
  const text = readFileSync(join(work, "sbom.spdx.json"), "utf8");
  if (text !== readFileSync(beside, "utf8")) throw new Error(`${beside} is not the one of the archive`);
  const {
    files,
  }: { files: { fileName: string; checksums: { algorithm: string; checksumValue: string }[] }[] } =
    JSON.parse(text);
  if (files.length === 0) throw new Error("the bill of materials has no files");
  for (const { fileName, checksums } of files) {
    const hash = createHash("sha256")
      .update(readFileSync(join(work, fileName)))
      .digest("hex");
    if (!checksums.some(({ checksumValue }) => checksumValue === hash))
      throw new Error(`the bill of materials has another ${fileName}`);
  }
}

function checkPrograms(work: string, version: string): void {
  for (const name of pluginNames) {
    const program = join(work, name);
    for (const args of [[], ["--version"], ["-h"]]) {
      const { status, stdout, stderr } = spawnSync(program, args, {
        encoding: "utf8",
        env: {},
        timeout: 3_000,
      });
      const [line] = stderr.split("\n");
      if (status !== 0 || stdout !== "" || line !== `CNI ${name} plugin v${version}`)
        throw new Error(`${name} ${args.join(" ")}: status ${status}, ${stdout}${stderr}`);
    }
    const { status, stdout } = spawnSync(program, [], { encoding: "utf8", env: { CNI_COMMAND: "VERSION" } });
    if (status !== 0 || !stdout.includes('"1.1.0"')) throw new Error(`${name}: VERSION ${status} ${stdout}`);
  }
}

function checkStatement(path: string, folder: string): void {
  const { subject }: { subject: { name: string; digest: { sha256: string } }[] } = JSON.parse(
    readFileSync(path, "utf8"),
  );
  for (const { name, digest } of subject) {
    const file = join(folder, name);
    const isSame =
      existsSync(file) && createHash("sha256").update(readFileSync(file)).digest("hex") === digest.sha256;
    if (!isSame) throw new Error(`the statement of provenance is of another ${name}`);
  }
}

function isForThisMachine(name: string): boolean {
  return name.includes(process.arch === "arm64" ? "-arm64-" : "-amd64-") && !name.includes("musl");
}

/** Bytes on the disk: hard links count once. */
function sizeOf(folder: string): number {
  const seen = new Map(
    readdirSync(folder)
      .map((name) => statSync(join(folder, name)))
      .map((stat) => [stat.ino, stat.size]),
  );
  return [...seen.values()].reduce((sum, size) => sum + size, 0);
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}

function run(program: string, args: readonly string[]): string {
  const { status, stdout, stderr } = spawnSync(program, args, { encoding: "utf8", maxBuffer: 1 << 26 });
  if (status !== 0) throw new Error(`${program} ${args.join(" ")}: ${stderr}`);
  return stdout;
}
