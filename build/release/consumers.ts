/** What installers and runtimes do with a release of the Go plugins: each works with ours, or throws. */
import { spawnSync } from "node:child_process";
import { lstatSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";

/** Checks, as the sha256sum of a build's script, an archive that lies beside its checksum. */
export function checkSum(archive: string): void {
  for (const algorithm of ["sha256", "sha512"]) {
    const { status, stderr } = spawnSync(
      `${algorithm}sum`,
      ["--check", "--strict", `${basename(archive)}.${algorithm}`],
      {
        cwd: dirname(archive),
        encoding: "utf8",
      },
    );
    if (status !== 0) throw new Error(`${algorithm}sum --check: ${stderr}`);
  }
}

/**
 * nerdctl looks at its firewall plugin: a line on stderr that begins so, whose rest is a version of at least 1.1.0
 * (pkg/netutil/netutil_unix.go, FirewallPluginGEQVersion).
 */
export function checkAsNerdctl(folder: string): void {
  const { stderr } = spawnSync(join(folder, "firewall"), [], { encoding: "utf8", env: {} });
  const prefix = "CNI firewall plugin ";
  const line = stderr.split("\n").find((text) => text.startsWith(prefix)) ?? "";
  const [, major = "0"] = /^v(\d+)\.\d+\.\d+(?:-[0-9A-Za-z.-]+)?$/.exec(line.slice(prefix.length)) ?? [];
  if (Number(major) < 2) throw new Error(`nerdctl could not read the version in: ${stderr}`);
}

/**
 * Nomad runs every executable file of the directory without arguments, for three seconds at most, and takes the first
 * word that is a version (client/fingerprint/plugins_cni.go). Links are looked at themselves.
 */
export function checkAsNomad(folder: string): void {
  const found = readdirSync(folder).filter((name) => {
    const stat = lstatSync(join(folder, name));
    return stat.isFile() && (stat.mode & 0o111) !== 0;
  });
  for (const name of ["bridge", "firewall", "host-local", "loopback", "portmap"]) {
    if (!found.includes(name)) throw new Error(`Nomad finds no ${name}`);
  }
  for (const name of found) {
    const { status, stdout, stderr } = spawnSync(join(folder, name), [], {
      encoding: "utf8",
      timeout: 3_000,
    });
    const words = `${stdout}${stderr}`.split(/\s+/);
    if (status !== 0 || !words.some((word) => /^v?\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?$/.test(word)))
      throw new Error(`Nomad finds no version of ${name}: ${stdout}${stderr}`);
  }
}

/** finch takes the first line's numbers: `bridge --version 2>&1 | head -1 | grep -o N.N.N`. */
export function checkAsFinch(folder: string, version: string): void {
  const { stderr } = spawnSync(join(folder, "bridge"), ["--version"], { encoding: "utf8", env: {} });
  const [numbers] = /\d+\.\d+\.\d+/.exec(stderr.split("\n")[0] ?? "") ?? [];
  if (numbers === undefined || !version.startsWith(numbers))
    throw new Error(`finch reads ${numbers} in: ${stderr}`);
}

/**
 * The directory itself keeps root as its owner and stays open to all, as kubeadm's tools need it
 * (containernetworking/plugins#1053), by GNU tar and by that of busybox.
 */
export function checkDirectory(archive: string, tar: readonly [string, ...string[]]): void {
  const folder = mkdtempSync(join(tmpdir(), "cni-bin-"));
  try {
    const [program, ...words] = tar;
    const { status, stderr } = spawnSync(program, [...words, "-xzf", archive, "-C", folder], {
      encoding: "utf8",
    });
    if (status !== 0) throw new Error(`${tar.join(" ")}: ${stderr}`);
    const { uid, gid, mode } = lstatSync(folder);
    if (uid !== 0 || gid !== 0 || (mode & 0o777) !== 0o755)
      throw new Error(
        `${tar.join(" ")} leaves the directory to ${uid}:${gid} with mode ${(mode & 0o777).toString(8)}`,
      );
  } finally {
    rmSync(folder, { recursive: true });
  }
}
