import {
  accessSync,
  constants,
  existsSync,
  globSync,
  lstatSync,
  readdirSync,
  readlinkSync,
  realpathSync,
} from "node:fs";
import { basename, dirname, resolve } from "node:path";
import { runCommand } from "../harness/host/command.ts";

/** Debian's packages of the commands that tests and plugins run; the first ones the machine cannot do without. */
const needed = ["busybox-static", "coreutils", "dash", "iproute2", "iptables", "kmod", "mount", "util-linux"];
const useful = [
  ...["conntrack", "curl", "findutils", "grep", "iputils-ping", "netbase", "nftables", "procps", "sed"],
  ...["base-files", "socat", "strace", "tcpdump"],
];

/** Links that package scripts made, which no package lists. */
const alternatives = ["iptables", "iptables-save", "iptables-restore", "ip6tables", "ip6tables-save"]
  .concat("ip6tables-restore")
  .map((name) => `/usr/sbin/${name}`);

const settings = ["passwd", "group", "nsswitch.conf", "hosts", "ld.so.conf", "ld.so.conf.d/*"].map(
  (name) => `/etc/${name}`,
);

/** Paths that no program needs to run; those right below / are links or mount points. */
const unneeded = /^\/[^/]*$|^\/usr\/(share|lib\/(debug|systemd))\/|^\/(usr\/)?lib\/(systemd|udev)\/|^\/var\//;

/**
 * The files of this machine with which a test machine works: those of packages, and the shared libraries that
 * `executables` and the packages' own need. Real paths and symbolic links, each link with what it leads to.
 */
export function machineFiles(executables: readonly string[]): string[] {
  const listed = [...needed, ...useful.filter(isInstalled)].flatMap(packageFiles);
  const found = new Set<string>();
  for (const path of [...listed, ...alternatives, ...globSync(settings), ...executables])
    addWithTargets(path, found);
  for (const library of libraries([...found])) addWithTargets(library, found);
  return [...found].sort();
}

function isInstalled(name: string): boolean {
  return runCommand(["dpkg-query", "--listfiles", name], { check: false }).status === 0;
}

function packageFiles(name: string): string[] {
  const { stdout } = runCommand(["dpkg-query", "--listfiles", name]);
  return stdout.split("\n").filter((path) => path !== "" && !unneeded.test(path));
}

/** Adds a path under its real folder, and whatever it leads to when it is a link. Folders are left out. */
function addWithTargets(path: string, found: Set<string>): void {
  if (!existsSync(path)) return;
  const real = `${realpathSync(dirname(path))}/${basename(path)}`;
  const status = lstatSync(real);
  if (status.isSymbolicLink()) {
    if (realpathSync(real).startsWith("/proc/")) return;
    addWithTargets(resolve(dirname(real), readlinkSync(real)), found);
  }
  if (!status.isDirectory()) found.add(real);
}

/** Every shared library that programs and libraries name, with the loader; static programs name none. */
function libraries(paths: readonly string[]): string[] {
  const programs = paths.filter((path) => /\.so(\.|$)/.test(path) || isExecutable(path));
  const { stdout } = runCommand(["ldd", ...programs], { check: false });
  return [...new Set([...stdout.matchAll(/(?:=> |^\t)(\/\S+) \(0x/gm)].map(([, path = ""]) => path))];
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return lstatSync(path).isFile();
  } catch {
    return false;
  }
}

/** The executables in a folder. */
export function executablesIn(folder: string): string[] {
  return readdirSync(folder)
    .map((name) => `${folder}/${name}`)
    .filter(isExecutable);
}
