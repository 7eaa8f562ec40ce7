import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { runCommand } from "../harness/host/command.ts";
import { cached } from "./cache.ts";

export type Kernel = {
  /** `6.1.0-56-cloud-amd64`. */
  release: string;
  /** The path of the compressed kernel, as QEMU's `-kernel` takes it. */
  image: string;
  /** The folder with the modules, `…/lib/modules/RELEASE`, with what modprobe reads. */
  modules: string;
};

/** Built in: the machine boots from an NVMe disk without an initramfs. */
const builtIn = ["BLK_DEV_NVME", "EXT4_FS", "DEVTMPFS", "SERIAL_8250_CONSOLE"];

/** Built in or modules: what the tests are here for, and what the harness needs. */
const present = [
  ...["BRIDGE", "BRIDGE_VLAN_FILTERING", "BRIDGE_NETFILTER", "VLAN_8021Q", "VETH", "DUMMY", "IPVLAN"],
  ...["NF_TABLES", "NF_TABLES_BRIDGE", "NFT_BRIDGE_META", "NFT_COMPAT", "NFT_NAT", "NFT_MASQ"],
  ...["NF_CONNTRACK", "NF_CT_NETLINK", "OVERLAY_FS"],
];

/** Debian's packages that depend on the current kernel, the one that boots fastest first. */
const metaPackages = ["linux-image-cloud-amd64", "linux-image-amd64"];

/**
 * Debian's current kernel with every option that the tests need, fetched with apt-get on first use and kept. Nothing
 * of it is installed on the machine. Throws when there is none, with what each one lacks.
 */
export function ensureKernel(): Kernel {
  try {
    return findKernel();
  } catch {
    // Without package lists apt knows nothing, and with old ones it asks for what is gone.
    runCommand(["apt-get", "-qq", "-o", "DPkg::Lock::Timeout=300", "update"], { timeoutMs: 600_000 });
    return findKernel();
  }
}

function findKernel(): Kernel {
  const reasons: string[] = [];
  for (const meta of metaPackages) {
    const name = currentPackage(meta);
    if (name === undefined) {
      reasons.push(`apt knows no package ${meta}`);
      continue;
    }
    const kernel = unpacked(name);
    const missing = missingOptions(readFileSync(kernel.config, "utf8"));
    if (missing.length === 0) return kernel;
    reasons.push(`${name} lacks ${missing.join(", ")}`);
  }
  throw new Error(
    `there is no kernel for the virtual machine, which needs one of Debian's: ${reasons.join("; ")}`,
  );
}

/** The options that a kernel's config lacks, of those that the virtual machine and its tests need. */
export function missingOptions(config: string): string[] {
  const values = new Map(
    [...config.matchAll(/^CONFIG_(\w+)=([ym])$/gm)].map(([, key, value]) => [key, value]),
  );
  return [
    ...builtIn.filter((option) => values.get(option) !== "y").map((option) => `${option}=y`),
    ...present.filter((option) => !values.has(option)),
  ];
}

/** `NAME=VERSION` of the package that a meta package depends on. */
function currentPackage(meta: string): string | undefined {
  const shown = runCommand(["apt-cache", "show", "--no-all-versions", meta], { check: false });
  const match = /^Depends: (linux-image-\S+) \(= (\S+?)\)/m.exec(shown.stdout);
  return match === null ? undefined : `${match[1]}=${match[2]}`;
}

function unpacked(name: string): Kernel & { config: string } {
  const folder = cached("kernel-", name.replace(/[^\w.+=-]/g, "_"), 2, (path) => fetchAndUnpack(name, path));
  const { base, release } = modulesIn(folder);
  return {
    release,
    image: `${folder}/boot/vmlinuz-${release}`,
    config: `${folder}/boot/config-${release}`,
    modules: `${base}/lib/modules/${release}`,
  };
}

function fetchAndUnpack(name: string, folder: string): void {
  console.log(`vm: fetching ${name}`);
  const download = `${folder}/download`;
  mkdirSync(download, { recursive: true });
  // apt's own user may not write to the folder.
  const command = ["apt-get", "-qq", "-o", "APT::Sandbox::User=root", "download", name];
  runCommand(["env", `--chdir=${download}`, ...command], { timeoutMs: 300_000 });
  const [archive = ""] = readdirSync(download);
  runCommand(["dpkg-deb", "--extract", `${download}/${archive}`, folder]);
  rmSync(download, { recursive: true });
  const { base, release } = modulesIn(folder);
  runCommand(["depmod", "--basedir", base, release]);
}

/** Debian 13 moved the modules from /lib to /usr/lib. */
function modulesIn(folder: string): { base: string; release: string } {
  const base = existsSync(`${folder}/usr/lib/modules`) ? `${folder}/usr` : folder;
  const [release] = readdirSync(`${base}/lib/modules`);
  if (release === undefined) throw new Error(`${folder} holds no kernel modules`);
  return { base, release };
}
