import {
  accessSync,
  closeSync,
  constants,
  fsyncSync,
  lstatSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
} from "node:fs";
import { dirname, resolve } from "node:path";
import { Failure } from "../errors/failure.ts";
import { nodeErrno } from "../errors/system-error.ts";
import { lockExclusive } from "../linux/flock.ts";
import { call, native } from "../linux/libc.ts";
import { makeDirectory } from "../linux/make-directory.ts";
import { unguessableNumbers } from "../linux/random.ts";
import { attempt } from "./attempt.ts";
import { isCopy, writeCopy } from "./copy.ts";
import type { Self } from "./self.ts";

const umask = "unsigned int umask(unsigned int mask)";
const hardLink = "int link(const char *from, const char *to)";
const rmdir = "int rmdir(const char *path)";

interface Installation {
  readonly directory: string;
  /** The names that it is to have. */
  readonly names: readonly string[];
  /** Whether each name is a file of its own; else they are hard links to one. */
  readonly copies: boolean;
  /** Whether what is there already by a name is replaced. */
  readonly update: boolean;
}

/** What came of a name. */
export interface Installed {
  readonly name: string;
  readonly done: "written" | "linked" | "in place" | "kept";
}

interface Report {
  /** The directory as an absolute path. */
  readonly directory: string;
  readonly all: readonly Installed[];
  /** Whether files there may be run (mount(8), noexec). */
  readonly mayRun: boolean;
}

/** How long another installation into the same directory may take. */
const patienceMilliseconds = 120_000;

/**
 * Puts the running executable into a directory, which is made when it is missing. Each name is replaced at once and whole
 * by rename(2), also where a program runs by it: whoever opens it finds the old or the new file. Whatever fails before
 * the first of these leaves everything as it was. What an installation that was killed has left is removed.
 *
 * @throws Failure, SystemError
 */
export function install(self: Self, installation: Installation): Report {
  native(umask)(0o022);
  const directory = resolve(installation.directory);
  const made = attempt(`cannot make the directory ${directory}`, "choose another directory", () =>
    makeTarget(directory),
  );
  try {
    return attempt(`cannot open ${directory}`, "", () => {
      const fd = openSync(directory, constants.O_RDONLY | constants.O_DIRECTORY);
      try {
        if (waitForOthers(directory, fd)) removeLeftovers(self, directory);
        const all = put(self, { ...installation, directory });
        fsyncSync(fd);
        return { directory, all, mayRun: installation.names.every((name) => mayRun(`${directory}/${name}`)) };
      } finally {
        closeSync(fd);
      }
    });
  } catch (error) {
    // Those that are not empty stay.
    for (let path = directory; made !== undefined && path.startsWith(made); path = dirname(path)) {
      call(rmdir, path);
    }
    throw error;
  }
}

/** What a new file is called until it has its name. */
function newName(name: string): string {
  const random = unguessableNumbers(2).map((number) => number.toString(16).padStart(8, "0"));
  return `.${name}.new-${random.join("")}`;
}

/** The name that a file is called so for; undefined for others. */
export function nameOfNew(file: string): string | undefined {
  return /^\.(.+)\.new-[\da-f]{16}$/.exec(file)?.[1];
}

function makeTarget(directory: string): string | undefined {
  try {
    return makeDirectory(directory, 0o755);
  } catch (error) {
    if (nodeErrno(error) !== "EEXIST") throw error;
    throw new Failure("unusable", `a file is in the way of the directory ${directory}`, {
      advice: "name the directory in which runtimes look for plugins, such as /opt/cni/bin",
    });
  }
}

/** Waits until nobody else installs there. Returns false on file systems without locks, where nothing tells. */
function waitForOthers(directory: string, fd: number): boolean {
  let isFree: boolean;
  try {
    isFree = lockExclusive(fd, patienceMilliseconds);
  } catch {
    return false;
  }
  if (isFree) return true;
  throw new Failure("busy", `another process installs into ${directory}, or has it locked`, {
    advice: "try again when it has ended: /proc/locks names it",
  });
}

function removeLeftovers(self: Self, directory: string): void {
  for (const file of readdirSync(directory)) {
    const name = nameOfNew(file);
    const isOurs = name !== undefined && self.about.plugins.some((plugin) => name.endsWith(plugin));
    if (isOurs) rmSync(`${directory}/${file}`, { force: true });
  }
}

function put(self: Self, { directory, names, copies, update }: Installation): Installed[] {
  const all = names.map((name): Installed & { readonly path: string } => {
    const path = `${directory}/${name}`;
    const isThere = !update && statSync(path, { throwIfNoEntry: false }) !== undefined;
    return { name, path, done: isThere ? "kept" : "written" };
  });
  const wanted = all.filter(({ done }) => done !== "kept");
  for (const { path } of wanted) refuseDirectory(path);
  const inPlace = copies ? separateCopies(self, wanted) : linkedCopies(self, wanted);
  const missing = wanted.filter((one) => !inPlace.has(one.name));
  const [first] = inPlace;
  const linked = replace(self, missing, copies ? undefined : first && `${directory}/${first}`, copies);
  return all.map(({ name, done }) => {
    if (done === "kept") return { name, done };
    if (inPlace.has(name)) return { name, done: "in place" };
    return { name, done: linked.has(name) ? "linked" : "written" };
  });
}

interface Target {
  readonly name: string;
  readonly path: string;
}

function refuseDirectory(path: string): void {
  if (lstatSync(path, { throwIfNoEntry: false })?.isDirectory() !== true) return;
  throw new Failure("unusable", `${path} is a directory`, { advice: "remove it, or leave this name out" });
}

/** The names that are copies of the executable already, each a file of its own. */
function separateCopies(self: Self, targets: readonly Target[]): ReadonlySet<string> {
  const found = targets.filter(({ path }) => isCopy(self, path) && lstatSync(path).nlink === 1);
  return new Set(found.map(({ name }) => name));
}

/** The names that are one copy of the executable already. */
function linkedCopies(self: Self, targets: readonly Target[]): ReadonlySet<string> {
  const first = targets.find(({ path }) => isCopy(self, path));
  if (first === undefined) return new Set();
  const { dev, ino } = lstatSync(first.path);
  const found = targets.filter(({ path }) => {
    const status = lstatSync(path, { throwIfNoEntry: false });
    return status?.ino === ino && status.dev === dev;
  });
  return new Set(found.map(({ name }) => name));
}

/**
 * Puts new files in the places of these. Returns the names of those that are hard links, to the first of them or to a
 * copy that is there.
 */
function replace(
  self: Self,
  targets: readonly Target[],
  copy: string | undefined,
  copies: boolean,
): ReadonlySet<string> {
  const linked = new Set<string>();
  const files = targets.map(({ name, path }) => ({ name, path, file: `${dirname(path)}/${newName(name)}` }));
  let source = copy;
  try {
    for (const { name, file } of files) {
      if (source !== undefined && call(hardLink, source, file) >= 0) linked.add(name);
      else writeCopy(self, file);
      if (!copies) source ??= file;
    }
    for (const { file, path } of files) {
      attempt(`cannot replace ${path}`, "", () => renameSync(file, path));
    }
    return linked;
  } finally {
    for (const { file } of files) rmSync(file, { force: true });
  }
}

function mayRun(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
