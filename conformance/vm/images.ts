import {
  chmodSync,
  cpSync,
  existsSync,
  globSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { runCommand } from "../harness/host/command.ts";
import { isObject, parseObject } from "../harness/host/json.ts";
import { cached, cacheFolder, fingerprint } from "./cache.ts";
import { imageSizeMb, makeExt4 } from "./ext4.ts";
import { guest, guestInit } from "./guest-init.ts";
import type { Kernel } from "./kernel.ts";
import { executablesIn, machineFiles } from "./package-files.ts";

const repository = fileURLToPath(new URL("../..", import.meta.url));

/** The machine's own file system: tools with their libraries, this Node, the kernel's modules and the first process. */
export function rootImage(kernel: Kernel, pluginFolder: string): string {
  const files = machineFiles([process.execPath, ...executablesIn(pluginFolder)]).filter(
    (path) => path !== process.execPath && !path.startsWith(`${pluginFolder}/`),
  );
  const plain = files.filter((path) => lstatSync(path).isFile());
  const key = fingerprint([process.execPath, kernel.image, ...plain], guestInit, ...files);
  return cached("root-", `${key}.img`, 3, (image) => {
    inScratchFolder((root) => {
      console.log(
        `vm: making the disk with ${files.length} files of this machine and Linux ${kernel.release}`,
      );
      for (const path of guest.mountPoints) mkdirSync(`${root}${path}`);
      for (const path of ["/bin", "/sbin", "/lib", "/lib64", "/usr"]) {
        if (!existsSync(path)) continue;
        if (lstatSync(path).isSymbolicLink()) symlinkSync(readlinkSync(path), `${root}${path}`);
        else mkdirSync(`${root}${path}`);
      }
      for (const path of files) {
        mkdirSync(dirname(`${root}${path}`), { recursive: true });
        cpSync(path, `${root}${path}`, { verbatimSymlinks: true });
      }
      cpSync(process.execPath, `${root}/usr/bin/node`);
      cpSync(kernel.modules, `${root}/lib/modules/${kernel.release}`, { recursive: true });
      runCommand(["ldconfig", "-r", root]);
      writeFileSync(`${root}/sbin/init`, guestInit);
      chmodSync(`${root}/sbin/init`, 0o755);
      makeExt4(image, imageSizeMb(root), root);
    });
  });
}

/** The executables under test, as a disk. */
export function pluginsImage(folder: string): string {
  const key = fingerprint(executablesIn(folder));
  return cached("plugins-", `${key}.img`, 3, (image) => {
    console.log(`vm: making the disk with the executables of ${folder}`);
    makeExt4(image, imageSizeMb(folder), folder);
    if (fingerprint(executablesIn(folder)) !== key)
      throw new Error(`${folder} was changed meanwhile, try again`);
  });
}

/** The repository as far as tests need it, and what the guest is to do with it. */
export function repositoryImage(image: string, plan: object): void {
  inScratchFolder((root) => {
    const modules = [...dependencies(repository)].map((name) => `node_modules/${name}`);
    for (const name of ["conformance", "plugins", "shared", "package.json", ...modules]) {
      if (existsSync(`${repository}/${name}`))
        cpSync(`${repository}/${name}`, `${root}/${name}`, { recursive: true });
    }
    mkdirSync(`${root}${guest.plugins.slice(guest.repository.length)}`, { recursive: true });
    for (const folder of globSync(`${dirname(cacheFolder())}/{peer,cnitool}-v*`)) {
      cpSync(folder, `${root}${guest.peers.slice(guest.repository.length)}/${basename(folder)}`, {
        recursive: true,
      });
    }
    writeFileSync(`${root}/vm-plan.json`, JSON.stringify(plan));
    makeExt4(image, imageSizeMb(root), root);
  });
}

/** The names of all packages that a package needs to run and that are installed, those they need included. */
function dependencies(folder: string, found = new Set<string>()): Set<string> {
  const manifest = parseObject(readFileSync(`${folder}/package.json`, "utf8"));
  for (const key of ["dependencies", "optionalDependencies"]) {
    const wanted = manifest[key];
    if (!isObject(wanted)) continue;
    for (const name of Object.keys(wanted)) {
      const installed = `${repository}/node_modules/${name}`;
      // Node itself is on the machine's own disk.
      if (found.has(name) || name.startsWith("node-linux-") || !existsSync(installed)) continue;
      dependencies(installed, found.add(name));
    }
  }
  return found;
}

function inScratchFolder(work: (folder: string) => void): void {
  const folder = mkdtempSync(`${tmpdir()}/cni-vm-`);
  try {
    chmodSync(folder, 0o755);
    work(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
