/**
 * The rules of which module may use which, as pure functions of a file's path (from the repository's root) and text.
 */
import { posix } from "node:path";

/** The layers from top to bottom: an import stays in its folder or goes down this list. */
const layers = [
  "shared/cni",
  "shared/iptables",
  "shared/dbus",
  "shared/rtnetlink",
  "shared/nftables",
  "shared/conntrack",
  "shared/netlink",
  "shared/ip",
  "shared/linux",
  "shared/executable",
  "shared/errors",
  "shared/basics",
  "shared/runtime",
];

/** The one module that writes to standard output: a plugin prints its result there and nothing else. */
const stdoutWriter = "shared/cni/run-plugin.ts";

/** Names of the modules that a text imports, also for their types only. Relies on Biome's format of imports. */
export function importedNames(text: string): string[] {
  const statements = /^(?:import|export)\b[^"';]*?\bfrom\s+"([^"]+)"|^import\s+"([^"]+)"/gm;
  const expressions = /\b(?:import|require)\(\s*"([^"]+)"/g;
  const names: string[] = [];
  for (const match of [...text.matchAll(statements), ...withoutComments(text).matchAll(expressions)]) {
    const name = match[1] ?? match[2];
    if (name !== undefined) names.push(name);
  }
  return names;
}

/** What is wrong with a file, a sentence each; empty when nothing is. */
export function importProblems(path: string, text: string): string[] {
  const problems: string[] = [];
  const part = topFolder(path);
  if ((part === "plugins" || part === "shared") && layerOf(path) === undefined) {
    problems.push(`${path} belongs to no layer of build/checks/import-rules.ts`);
  }
  for (const name of importedNames(text)) {
    const problem = name.startsWith(".")
      ? wrongTarget(path, posix.join(posix.dirname(path), name))
      : undefined;
    if (problem !== undefined) problems.push(`${path} imports ${name}: ${problem}`);
  }
  const code = withoutComments(text);
  const maySpeakToLibc =
    part === "build" || path.startsWith("shared/linux/") || /^conformance\/.*-tool\.ts$/.test(path);
  if (!maySpeakToLibc && /koffi/i.test(code)) {
    problems.push(`${path} mentions koffi: only shared/linux and the tools of tests may`);
  }
  const isProgram = (part === "plugins" || part === "shared") && !isTest(path);
  if (isProgram && path !== stdoutWriter && writesStdout(code)) {
    problems.push(`${path} writes to standard output or the console: only ${stdoutWriter} may`);
  }
  return problems;
}

function wrongTarget(from: string, to: string): string | undefined {
  const source = topFolder(from);
  const target = topFolder(to);
  if (source === "build") return undefined;
  if (source === "conformance") {
    return target === "conformance"
      ? undefined
      : "conformance/ stands alone, it must fit anyone's executables";
  }
  if (target === "conformance") {
    if (isTest(from) && to.startsWith("conformance/harness/")) return undefined;
    return "only a test may use conformance/, and of it only conformance/harness";
  }
  if (target === "build") return "what runs in an executable knows nothing of build/";
  const upper = layerOf(from);
  const lower = layerOf(to);
  if (upper === undefined || lower === undefined) return "it is outside the layers";
  if (upper === lower) return undefined;
  if (source === "plugins" && target === "plugins") return "plugins never import each other";
  if (source === "plugins") return undefined;
  if (target === "plugins" || layers.indexOf(lower) < layers.indexOf(upper))
    return "an import only goes down";
  return undefined;
}

/** `plugins/bridge/main.ts` is in `plugins/bridge`, `shared/ip/prefix.ts` in `shared/ip`. */
function layerOf(path: string): string | undefined {
  const folder = path.split("/").slice(0, 2).join("/");
  if (topFolder(path) === "plugins" && path.split("/").length > 2) return folder;
  return layers.includes(folder) ? folder : undefined;
}

function topFolder(path: string): string {
  return path.split("/")[0] ?? "";
}

function isTest(path: string): boolean {
  return path.endsWith(".test.ts");
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
