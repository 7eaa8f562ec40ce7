import { accessSync, constants, lstatSync, readdirSync, readlinkSync, statSync } from "node:fs";
import { resolve } from "node:path";
import { errorText } from "../errors/failure.ts";
import { attempt } from "./attempt.ts";
import { type Content, contentOf } from "./content.ts";
import { goPluginOf } from "./go-program.ts";
import { nameOfNew } from "./install.ts";
import type { Self } from "./self.ts";

/** What is to be known of a name in a directory with plugins. */
export interface Finding {
  readonly name: string;
  /** A sentence without its end. */
  readonly is: string;
  readonly isWell: boolean;
  /** What to do; "" where nothing is to be done. */
  readonly advice: string;
}

interface Examination {
  readonly directory: string;
  /** The names that are to be this executable's release. Others may be anybody's. */
  readonly expected: readonly string[];
  /** The name of the plugin that a file of an executable with several is by its own name; undefined for none. */
  readonly pluginNamed: (name: string) => string | undefined;
}

/** containernetworking/plugins v1.10.0, plugins/linux_only.txt and the rest of its plugins/. */
const standardNames: readonly string[] = [
  ..."bandwidth bridge dhcp dummy firewall host-device host-local ipvlan loopback".split(" "),
  ..."macvlan portmap ptp sbr static tap tuning vlan vrf".split(" "),
];

/**
 * Tells whose each file in a directory is, and each of the usual plugins that is missing. Runs nothing of it.
 *
 * @throws SystemError when the directory cannot be read.
 */
export function examine(self: Self, examination: Examination): readonly Finding[] {
  const directory = resolve(examination.directory);
  const entries = attempt(
    `cannot read the directory ${directory}`,
    "name the directory in which runtimes look for plugins",
    () => readdirSync(directory),
  );
  const ward = { self, ...examination, directory, entries };
  const names = new Set([...entries, ...examination.expected, ...standardNames]);
  return [...names].sort().map((name) => {
    const status = lstatSync(`${directory}/${name}`, { throwIfNoEntry: false });
    return status === undefined ? missing(ward, name) : present(ward, name, status);
  });
}

/** Of node:fs's Stats. */
interface Status {
  readonly dev: number;
  readonly ino: number;
  readonly mode: number;
  readonly nlink: number;
  isFile(): boolean;
  isDirectory(): boolean;
}

interface Ward extends Examination {
  readonly self: Self;
  /** The names that are there. */
  readonly entries: readonly string[];
}

function missing(ward: Ward, name: string): Finding {
  if (ward.expected.includes(name)) return bad(name, "missing", installAdvice(ward, name));
  return well(name, "not there, and not asked for");
}

function present(ward: Ward, name: string, status: Status): Finding {
  const path = `${ward.directory}/${name}`;
  if (status.isDirectory()) {
    return ward.expected.includes(name)
      ? bad(name, "a directory", `remove it; ${installAdvice(ward, name)}`)
      : well(name, "a directory");
  }
  if (nameOfNew(name) !== undefined)
    return well(name, "of an installation that runs or was killed", "the next installation removes it");
  const target = status.isFile() ? undefined : linkTarget(path);
  const file = statSync(path, { throwIfNoEntry: false });
  if (target !== undefined && file === undefined)
    return bad(name, `a symbolic link to ${target}, which is not there`, repairAdvice(ward, name));
  if (file === undefined || !file.isFile()) return bad(name, "no regular file", repairAdvice(ward, name));
  const found = ofFile(ward, name, file);
  return target === undefined ? found : { ...found, is: `a symbolic link to ${target}: ${found.is}` };
}

function linkTarget(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined;
  }
}

function ofFile(ward: Ward, name: string, file: Status): Finding {
  const path = `${ward.directory}/${name}`;
  let content: Content;
  try {
    content = contentOf(path);
  } catch (error) {
    return bad(name, `cannot be read: ${errorText(error)}`, "");
  }
  if (content.kind === "no program" && !ward.expected.includes(name) && !standardNames.includes(name))
    return well(name, "no program");
  const found = byContent(ward, name, content);
  if (!found.isWell) return { ...found, is: `${found.is}${sharedWith(ward, name, file, content)}` };
  if ((file.mode & 0o111) === 0) return bad(name, `${found.is}, but not executable`, `chmod 0755 ${path}`);
  if (!isRunnable(path))
    return bad(name, `${found.is}, but on a file system that is mounted noexec`, "mount it without noexec");
  return found;
}

function byContent(ward: Ward, name: string, content: Content): Finding {
  const isExpected = ward.expected.includes(name);
  switch (content.kind) {
    case "ours":
      return ofOurs(ward, name, content);
    case "go": {
      const { path, version = "of unknown version" } = content.program;
      const plugin = goPluginOf(path);
      const is = plugin === undefined ? `a Go program, ${path} ${version}` : `Go's ${plugin} ${version}`;
      const isOther = plugin !== undefined && standardNames.includes(name) && plugin !== name;
      if (isOther || isExpected) return bad(name, is, repairAdvice(ward, name));
      return well(name, is);
    }
    case "program":
      return isExpected
        ? bad(name, "another's program", repairAdvice(ward, name))
        : well(name, "another's program");
    case "script": {
      const is = `a script for ${content.interpreter}`;
      return isExpected ? bad(name, is, repairAdvice(ward, name)) : well(name, is);
    }
    case "other architecture": {
      const is = `for ${content.architecture}, and this machine is ${process.arch}`;
      return bad(name, is, repairAdvice(ward, name));
    }
    case "cut off": {
      const is = `cut off: ${content.size} of ${content.length} bytes or more, as when an installation was killed`;
      return bad(name, is, repairAdvice(ward, name));
    }
    case "empty":
      return bad(name, "empty", repairAdvice(ward, name));
    case "no program":
      return bad(name, "no program", repairAdvice(ward, name));
  }
}

function ofOurs(ward: Ward, name: string, { about, isDamaged }: Content & { kind: "ours" }): Finding {
  const is = `cni-plugins-ts v${about.version}`;
  if (isDamaged) return bad(name, `${is}, damaged`, repairAdvice(ward, name));
  const { version, commit } = ward.self.about;
  const [only] = about.plugins;
  const plugin = about.plugins.length > 1 ? ward.pluginNamed(name) : only;
  if (plugin === undefined || !about.plugins.includes(plugin))
    return well(name, `${is}, no plugin by this name`);
  if (about.plugins.length === 1 && ward.pluginNamed(name) !== plugin && standardNames.includes(name))
    return bad(name, `the ${plugin} of ${is}`, repairAdvice(ward, name));
  if (about.version !== version)
    return bad(name, `${is}, and this is v${version}`, installAdvice(ward, name));
  if (about.commit !== commit)
    return bad(name, `${is} of commit ${about.commit}, and this is ${commit}`, installAdvice(ward, name));
  return well(name, is);
}

/** Whether others are the same file, which was ours until somebody copied over it in place. */
function sharedWith({ directory, entries }: Ward, name: string, file: Status, content: Content): string {
  if (file.nlink < 2 || content.kind === "ours") return "";
  const others = entries.filter((other) => {
    const { dev, ino } = lstatSync(`${directory}/${other}`, { throwIfNoEntry: false }) ?? {};
    return other !== name && dev === file.dev && ino === file.ino;
  });
  if (others.length === 0) return "";
  return `, in one file with ${others.join(", ")}: somebody copied over one of these hard links in place`;
}

function repairAdvice(ward: Ward, name: string): string {
  return ward.expected.includes(name)
    ? installAdvice(ward, name)
    : "install it anew from where it is from, or remove it";
}

function installAdvice({ self, directory }: Ward, name: string): string {
  const { plugins } = self.about;
  if (plugins.length > 1 || plugins.includes(name)) return `${process.execPath} install ${directory} ${name}`;
  return `the executable of ${name} puts it there: ${name} install ${directory}`;
}

function isRunnable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function well(name: string, is: string, advice = ""): Finding {
  return { name, is, isWell: true, advice };
}

function bad(name: string, is: string, advice: string): Finding {
  return { name, is, isWell: false, advice };
}
