import { type SpawnSyncReturns, spawnSync } from "node:child_process";
import { chmodSync, readdirSync } from "node:fs";
import { asString, parseObject } from "../host/json.ts";

const architectures: Partial<Record<NodeJS.Architecture, string>> = { x64: "amd64", arm64: "arm64" };

/** The oldest Go release that builds the plugins: v1.10.0 asks for it in its go.mod. */
const needed = "1.26.8";

/** From this release on, go fetches a newer toolchain by itself when a module asks for one. */
const firstThatUpgradesItself = 21;

/**
 * Runs go and returns its standard output; throws with its words when it fails. Where go is missing, it is
 * installed with apt-get; where it is too old (Debian 12 has 1.19), a newer toolchain is fetched as the Go
 * module that it is published as. `under` is a command that runs it, with its own arguments.
 */
export function runGo(
  args: readonly string[],
  env: Record<string, string>,
  under: readonly string[] = [],
): string {
  const [command = "", ...rest] = [...under, goCommand(), ...args];
  return run(command, rest, env);
}

function goCommand(): string {
  if (spawnSync("go", ["version"]).error) installGo();
  const version = run("go", ["env", "GOVERSION"], {}).trim();
  const minor = minorOf(version);
  return minor !== null && minor < firstThatUpgradesItself ? newerGo() : "go";
}

/** 19 of `go1.19.8`; null for a development version. */
export function minorOf(version: string): number | null {
  const match = /^go1\.(\d+)/.exec(version);
  return match === null ? null : Number(match[1]);
}

function installGo(): void {
  console.error("installing golang-go with apt-get: it builds the Go plugins, against which ours are tested");
  const noInteraction = { DEBIAN_FRONTEND: "noninteractive" };
  run("apt-get", ["update", "-qq"], noInteraction);
  run("apt-get", ["install", "-y", "-qq", "--no-install-recommends", "golang-go"], noInteraction);
}

function newerGo(): string {
  const architecture = architectures[process.arch] ?? process.arch;
  const toolchain = `golang.org/toolchain@v0.0.1-go${needed}.linux-${architecture}`;
  const folder = asString(parseObject(run("go", ["mod", "download", "-json", toolchain], {}))["Dir"]);
  // Module archives carry no permissions.
  for (const programs of [`${folder}/bin`, `${folder}/pkg/tool/linux_${architecture}`]) {
    for (const name of readdirSync(programs)) chmodSync(`${programs}/${name}`, 0o755);
  }
  return `${folder}/bin/go`;
}

function run(command: string, args: readonly string[], env: Record<string, string>): string {
  const { GOROOT: _, ...inherited } = process.env;
  const done: SpawnSyncReturns<string> = spawnSync(command, args, {
    env: { ...inherited, GOTOOLCHAIN: "auto", ...env },
    cwd: "/",
    encoding: "utf8",
    maxBuffer: 64 * 1024 * 1024,
  });
  if (done.error) throw new Error(`${command} cannot be run: ${done.error.message}`);
  if (done.status !== 0) throw new Error(`${command} ${args.join(" ")}: ${done.stderr}`);
  return done.stdout;
}
