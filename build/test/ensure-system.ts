/**
 * `node build/test/ensure-system.ts demo|test`: installs the system packages that are missing with apt-get (says which
 * and why), or names them and fails where it cannot.
 */
import { spawnSync } from "node:child_process";
import { accessSync, constants, existsSync, mkdirSync, symlinkSync } from "node:fs";
import { dirname, join } from "node:path";
import { missingPackages } from "./system-packages.ts";

const purpose = process.argv[2];
if (purpose !== "demo" && purpose !== "test") fail("usage: node build/test/ensure-system.ts demo|test");

const missing = missingPackages(purpose, isInstalled);
if (missing.length > 0) {
  console.log("these system packages are missing:");
  for (const { name, why } of missing) console.log(`  ${name}, needed ${why}`);
  const names = missing.map(({ name }) => name);
  if (!isInstalled("apt-get"))
    fail("install what they hold with this system's package manager, then run this again");
  if (process.getuid?.() !== 0) fail(`run this as root, or first: sudo apt-get install ${names.join(" ")}`);
  for (const { service } of missing) if (service !== undefined) mask(service);
  aptGet("update");
  aptGet("install", "--yes", "--no-install-recommends", ...names);
  const still = missingPackages(purpose, isInstalled).map(({ name }) => name);
  if (still.length > 0)
    fail(`apt-get went well, but commands of these are still missing: ${still.join(", ")}`);
}

function isInstalled(command: string): boolean {
  // Debian keeps system commands in sbin, which the PATH of an ordinary user does not have.
  const folders = [...(process.env["PATH"] ?? "").split(":"), "/usr/sbin", "/sbin"];
  return folders.some((folder) => {
    try {
      accessSync(join(folder, command), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/** Debian starts the services of packages that it installs; systemd starts none that is masked (systemctl(1)). */
function mask(service: string): void {
  const file = `/etc/systemd/system/${service}`;
  if (existsSync(file)) return;
  console.log(`${service} is masked, so that it does not run on this machine: systemctl unmask ${service}`);
  mkdirSync(dirname(file), { recursive: true });
  symlinkSync("/dev/null", file);
}

function aptGet(...args: string[]): void {
  console.log(`apt-get ${args.join(" ")}`);
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  // Waits for another apt-get, such as the one that new cloud machines run on their own.
  const run = spawnSync("apt-get", ["-qq", "-o", "DPkg::Lock::Timeout=300", ...args], {
    env,
    stdio: "inherit",
  });
  if (run.status !== 0) fail(`apt-get ${args[0]} failed (${run.error?.message ?? `status ${run.status}`})`);
}

function fail(message: string): never {
  console.error(message);
  process.exit(1);
}
