/**
 * `npm run release`: writes the files of a release to dist/release, for the machine's architecture: archives, checksums,
 * bills of materials, what is known of vulnerabilities, and a statement of what they were built from. With `--key FILE`
 * (a private key as PEM) the statement is signed; with `--built` executables are those of dist/bin and dist/linked; `--repository URL` says where the sources are. `npm run release -- --check` opens what is there and says what it
 * verified, with `--key FILE` (a public key) the signature too.
 */
import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { parseArgs } from "node:util";
import packageJson from "../../package.json" with { type: "json" };
import { snapshotNode } from "../node/binary.ts";
import { buildExecutable, buildLinkedExecutable } from "../program/executable.ts";
import { pluginNames } from "../program/plugin-names.ts";
import { linkedPrograms, pluginExecutable } from "../program/plugins.ts";
import { checkRelease } from "./check.ts";
import { writeChecksums } from "./checksums.ts";
import { billOf, executableMembers, factsOf, membersOf } from "./contents.ts";
import { cyclonedxDocument } from "./cyclonedx.ts";
import { archiveName, type Packaging } from "./file-name.ts";
import { signedStatement, statementOf } from "./provenance.ts";
import { spdxDocument } from "./spdx.ts";
import { tarGz } from "./tar-archive.ts";
import { vexDocument } from "./vex.ts";

const root = join(import.meta.dirname, "../..");
const { values } = parseArgs({
  options: {
    built: { type: "boolean", default: false },
    check: { type: "boolean", default: false },
    key: { type: "string" },
    repository: { type: "string", default: "urn:cni-plugins-ts" },
  },
});
const output = join(root, "dist/release");
const folders = { linked: join(root, "dist/linked"), separate: join(root, "dist/bin") };
const { version } = packageJson;

const key = values.key === undefined ? undefined : readFileSync(values.key, "utf8");
if (values.check) await checkRelease({ folder: output, version, key }, console.log);
else await writeRelease();

async function writeRelease(): Promise<void> {
  const architecture = process.arch === "arm64" ? "arm64" : "x64";
  const commit = git("rev-parse", "HEAD");
  const time = Number(process.env["SOURCE_DATE_EPOCH"] ?? git("log", "-1", "--format=%ct"));
  rmSync(output, { recursive: true, force: true });
  mkdirSync(output, { recursive: true });
  const facts = await factsOf(version, time, `node-linux-${architecture}`);
  if (!values.built) await buildAll();
  const archives: string[] = [];
  const packagings: readonly Packaging[] = ["linked", "separate"];
  for (const packaging of packagings) {
    const name = archiveName(architecture, packaging, version);
    const executables = executableMembers(folders[packaging], packaging);
    const bill = billOf(name.replace(/\.tgz$/, ""), facts, executables);
    const archive = write(name, await tarGz(membersOf(bill, facts, executables), time));
    archives.push(archive);
    write(name.replace(/\.tgz$/, ".spdx.json"), spdxDocument(bill));
    write(name.replace(/\.tgz$/, ".cdx.json"), cyclonedxDocument(bill));
    if (packaging === "linked") write(`cni-plugins-ts-v${version}.openvex.json`, vexDocument(bill));
  }
  for (const archive of archives) writeChecksums(archive);
  const statement = statementOf(
    archives.map((file) => ({ name: basename(file), bytes: readFileSync(file) })),
    {
      repository: values.repository,
      commit,
      dependencies: facts.components.filter(({ within }) => within === undefined),
    },
  );
  write(`cni-plugins-ts-v${version}.intoto.json`, `${statement}\n`);
  if (key !== undefined) {
    const envelope = signedStatement(statement, key);
    write(`cni-plugins-ts-v${version}.intoto.jsonl`, envelope);
  }
}

async function buildAll(): Promise<void> {
  const node = snapshotNode();
  await buildLinkedExecutable({ ...linkedPrograms(), folder: folders.linked, node });
  for (const name of pluginNames) {
    const output = join(folders.separate, name);
    await buildExecutable({ ...pluginExecutable(name), output, node });
  }
}

function write(name: string, content: Buffer | string): string {
  const path = join(output, name);
  writeFileSync(path, content);
  console.log(`dist/release/${name}: ${(statSync(path).size / 1e6).toFixed(1)} MB`);
  return path;
}

function git(...args: readonly string[]): string {
  const { status, stdout, stderr } = spawnSync("git", args, { cwd: root, encoding: "utf8" });
  if (status !== 0) throw new Error(`a release is built from a commit: ${stderr.trim()}`);
  return stdout.trim();
}
