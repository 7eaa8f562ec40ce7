/** Which module may use which, as pure functions of what a module says (build/sources/module.ts) and its text. */
import { type Import, type Module, moduleOf } from "../sources/module.ts";

const netlinkUsers = ["shared/errors", "shared/ip", "shared/linux", "shared/netlink"];
const harness = "conformance/harness";
const scratchHost = [`${harness}/host`, `${harness}/plugins`, `${harness}/traffic`];
const scenarios = ["conformance/scenario", "conformance/suites", "conformance/plan"];

/** Which folders' modules each folder's may import, beside its own. A folder that is not here has no modules. */
const mayImport: Readonly<Record<string, readonly string[]>> = {
  "shared/runtime": [],
  "shared/basics": [],
  "shared/errors": ["shared/basics"],
  "shared/executable": ["shared/basics"],
  "shared/linux": ["shared/basics", "shared/errors", "shared/executable"],
  "shared/ip": [],
  "shared/netlink": ["shared/basics", "shared/errors", "shared/linux"],
  "shared/conntrack": netlinkUsers,
  "shared/nftables": netlinkUsers,
  "shared/rtnetlink": netlinkUsers,
  "shared/dbus": ["shared/errors", "shared/linux"],
  "shared/iptables": ["shared/errors", "shared/ip", "shared/linux", "shared/nftables"],
  "shared/install": ["shared/errors", "shared/executable", "shared/linux"],
  "shared/cni": ["shared/basics", "shared/executable", "shared/install", "shared/rtnetlink", ...netlinkUsers],
  plugins: [
    "shared/basics",
    "shared/cni",
    "shared/conntrack",
    "shared/dbus",
    "shared/iptables",
    "shared/nftables",
    "shared/rtnetlink",
    ...netlinkUsers,
  ],

  "conformance/harness/host": [],
  "conformance/harness/go": [`${harness}/host`],
  "conformance/harness/fakes": [`${harness}/host`],
  "conformance/harness/traffic": [`${harness}/host`],
  "conformance/harness/plugins": [`${harness}/go`, `${harness}/host`],
  "conformance/harness/clients": [`${harness}/go`, ...scratchHost],
  "conformance/scenario": scratchHost,
  "conformance/suites": ["conformance/scenario", ...scratchHost],
  "conformance/differences": [`${harness}/plugins`],
  "conformance/report": ["conformance/scenario"],
  "conformance/plan": ["conformance/report", "conformance/scenario", ...scratchHost],
  "conformance/vm": ["conformance/report", ...scenarios, ...scratchHost],
  "conformance/cli": [
    "conformance/differences",
    "conformance/report",
    "conformance/vm",
    ...scenarios,
    ...scratchHost,
  ],
  "conformance/mutants": [...scenarios, ...scratchHost],
  "conformance/clients": [`${harness}/clients`, ...scratchHost],
  "conformance/ours": [`${harness}/fakes`, ...scratchHost],
  "conformance/packaging": scratchHost,
  "conformance/bench": [`${harness}/go`, ...scratchHost],
  conformance: [`${harness}/clients`, `${harness}/plugins`, "conformance/vm"],

  "build/sources": [],
  "build/checks": ["build/sources"],
  "build/node": ["build/sources", "shared/linux"],
  "build/program": [
    "build/node",
    "build/sources",
    "plugins",
    "shared/basics",
    "shared/cni",
    "shared/executable",
    "shared/linux",
  ],
  "build/release": ["build/node", "build/program"],
  "build/test": ["conformance/cli"],
  "build/demo": scratchHost,
  build: ["build/node", "build/program", "build/sources", "build/test", "conformance/vm"],
};

/** The one module that writes to standard output: a plugin prints its result there and nothing else. */
const stdoutWriter = "shared/cni/run-plugin.ts";

/** What is wrong with a module by itself, a sentence each; empty when nothing is. */
export function importProblems(path: string, text: string, module: Module = moduleOf(path, text)): string[] {
  const part = topFolder(path);
  const problems: string[] = [];
  if (folderOf(path) === undefined)
    problems.push(`${path} is in no folder of build/checks/import-rules.ts, mayImport`);
  for (const one of module.imports) {
    const problem = wrongImport(path, one);
    if (problem !== undefined) problems.push(`${path} imports ${one.name}: ${problem}`);
  }
  const code = withoutComments(text);
  const maySpeakToLibc =
    part === "build" || path.startsWith("shared/linux/") || /^conformance\/.*-tool\.ts$/.test(path);
  if (!maySpeakToLibc && /koffi/i.test(code)) {
    problems.push(`${path} mentions koffi: only shared/linux and the tools of tests may`);
  }
  if (isProgram(path) && path !== stdoutWriter && writesStdout(code)) {
    problems.push(`${path} writes to standard output or the console: only ${stdoutWriter} may`);
  }
  return problems;
}

/** Whether a module is a part of executables. */
export function isProgram(path: string): boolean {
  return ["plugins", "shared"].includes(topFolder(path)) && !isTest(path);
}

/** Whether a module is a test, or only there for tests. */
export function isTest(path: string): boolean {
  return /\.(test|fixture)\.ts$/.test(path);
}

function wrongImport(from: string, { path: to }: Import): string | undefined {
  if (to === undefined || to.endsWith(".json")) return undefined;
  const [source, target] = [folderOf(from), folderOf(to)];
  if (target === undefined) return "it is outside the folders";
  if (source === undefined) return undefined;
  if (isProgram(from) && isTest(to)) return "what is for tests is in no executable";
  if (isTest(from) && mayTestImport(from, to, source, target)) return undefined;
  if (source !== target)
    return mayImport[source]?.includes(target) === true
      ? undefined
      : `${source} may not import ${target} (mayImport in build/checks/import-rules.ts)`;
  const isOtherPlugin = source === "plugins" && from.split("/")[1] !== to.split("/")[1];
  return isOtherPlugin ? "plugins never import each other" : undefined;
}

/** Tests of conformance/ may use all of it, others the harness and whatever does not lead back to their folder. */
function mayTestImport(from: string, to: string, source: string, target: string): boolean {
  if (topFolder(from) === "conformance") return topFolder(to) === "conformance";
  if (topFolder(to) === "conformance") return to.startsWith(`${harness}/`);
  return (
    source !== target &&
    (topFolder(to) !== "build" || topFolder(from) === "build") &&
    !leadsTo(target, source)
  );
}

function leadsTo(from: string, to: string): boolean {
  return from === to || (mayImport[from] ?? []).some((next) => leadsTo(next, to));
}

/** The longest folder of the table that a path is in. */
function folderOf(path: string): string | undefined {
  const parts = path.split("/");
  if (parts[0] === "plugins") return parts.length > 2 ? "plugins" : undefined;
  for (let length = Math.min(parts.length - 1, 3); length > 0; length--) {
    const folder = parts.slice(0, length).join("/");
    if (length === 1 && parts.length > 2) return undefined;
    if (folder in mayImport) return folder;
  }
  return undefined;
}

function topFolder(path: string): string {
  return path.split("/")[0] ?? "";
}

function writesStdout(code: string): boolean {
  return /\bprocess\s*\.\s*stdout\b|\bconsole\s*\.|\bwrite(?:v|File)?Sync\(\s*1\b|["'`]\/dev\/stdout/.test(
    code,
  );
}

/** Drops block comments, and line comments that stand alone or after a blank; a `//` within a string stays. */
function withoutComments(text: string): string {
  return text.replace(/^\s*\/\*[\s\S]*?\*\//gm, "").replace(/(?:^|\s)\/\/ .*$/gm, "");
}
