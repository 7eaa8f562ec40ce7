import { examine, type Finding } from "../install/doctor.ts";
import { type Installed, install } from "../install/install.ts";
import { openSelf, type Self } from "../install/self.ts";
import type { Answer } from "./call-plugin.ts";
import { CniError, ErrorCode } from "./errors/cni-error.ts";
import { chooseNames, readSwitch } from "./installed-names.ts";
import { pluginNamed, pluginNames } from "./plugin-names.ts";

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * What every executable does by hand, by whichever name: `install DIRECTORY [NAME…] [--copies]` and
 * `doctor DIRECTORY [NAME…] [--json]`; README.md has both.
 *
 * @throws CniError, Failure
 */
export function answerInstaller(
  command: "install" | "doctor",
  words: readonly string[],
  environment: Environment,
): Answer {
  return command === "install"
    ? installed(parse(command, words, "--copies"), environment)
    : examined(parse(command, words, "--json"), environment);
}

interface Words {
  readonly directory: string;
  readonly names: readonly string[];
  readonly hasOption: boolean;
}

function parse(command: string, words: readonly string[], option: string): Words {
  const usage = `usage: ${command} DIRECTORY [NAME…] [${option}]`;
  const [directory, ...names] = words.filter((word) => word !== option);
  const unknown = words.find((word) => word.startsWith("-") && word !== option);
  if (unknown !== undefined)
    throw new CniError(ErrorCode.invalidEnvironment, `${command} knows no ${unknown}`, usage);
  if (directory === undefined || directory === "")
    throw new CniError(ErrorCode.invalidEnvironment, `${command} lacks the directory`, usage);
  return { directory, names, hasOption: words.includes(option) };
}

function installed({ directory, names: given, hasOption }: Words, environment: Environment): Answer {
  const self = openSelf();
  const names = chooseNames(self.about.plugins, given, environment);
  const update = readSwitch(environment, "UPDATE_CNI_BINARIES", true);
  const report = install(self, { directory, names, copies: hasOption, update });
  const lines = report.all.map(
    (one) => `${report.directory}/${one.name}: ${outcome(one, self.about.version)}`,
  );
  if (names.length === 0) lines.push(`${report.directory}: nothing is to be installed`);
  if (!report.mayRun)
    lines.push(`warning: ${report.directory} is mounted noexec: no plugin can be run there`);
  return { text: `${lines.join("\n")}\n`, status: 0 };
}

function outcome({ done }: Installed, version: string): string {
  switch (done) {
    case "written":
      return `v${version} installed`;
    case "linked":
      return `v${version} installed, a hard link`;
    case "in place":
      return `v${version} is in place`;
    case "kept":
      return "kept as it is, for UPDATE_CNI_BINARIES is false";
  }
}

function examined({ directory, names: given, hasOption }: Words, environment: Environment): Answer {
  const self = openSelf();
  const all = allNames(self);
  const expected = chooseNames(all, given, environment);
  const findings = examine(self, { directory, expected, pluginNamed });
  const isWell = findings.every((one) => one.isWell);
  const text = hasOption
    ? JSON.stringify({ directory, version: self.about.version, isWell, findings }, undefined, 2)
    : findings.map(lineOf).join("\n");
  return { text: `${text}\n`, status: isWell ? 0 : 1 };
}

/** A separate executable expects the others beside it, too. */
function allNames({ about }: Self): readonly string[] {
  return about.plugins.length > 1 ? about.plugins : pluginNames();
}

function lineOf({ name, is, isWell, advice }: Finding): string {
  const what = `${name}: ${isWell ? "" : "PROBLEM: "}${is}`;
  return advice === "" ? what : `${what}; ${advice}`;
}
