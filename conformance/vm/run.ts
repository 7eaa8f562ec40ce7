import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { pluginFolder } from "../harness/plugins/binaries.ts";
import { isRebootTest } from "./boots.ts";
import { makeExt4 } from "./ext4.ts";
import { pluginsImage, repositoryImage, rootImage } from "./images.ts";
import { ensureKernel } from "./kernel.ts";
import { bootMachine } from "./machine.ts";
import { type Outcome, sum } from "./outcome.ts";

const inCi = process.env["CI"] === "true";
/** How long one boot may take. */
const limitMs = Number(process.env["VM_LIMIT_MINUTES"] ?? "30") * 60_000;

/**
 * Runs test files (paths from the repository's root) on Debian's kernel in a virtual machine, those named
 * `*.reboot.vm.test.ts` once more after a reboot, and returns the exit status: 1 when a test fails, when a boot
 * passed none, and in CI (`CI=true`) when one was skipped. CNI_BIN_DIR and EXPECT_PEER count as everywhere in
 * conformance/.
 */
export async function runInVm(files: readonly string[]): Promise<number> {
  if (process.arch !== "x64") {
    console.log(`vm: not run: ${whyNoVm}`);
    return inCi ? 1 : 0;
  }
  const boots = files.some(isRebootTest) ? ["1", "2"] : ["1"];
  try {
    return verdict(await bootWith({ files }, pluginFolder(), boots, console.log));
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    return 1;
  }
}

export const whyNoVm = `it emulates x86-64 with executables of this machine, which is ${process.arch}`;

/** What the guest is to do: test files (paths from the repository's root), or scenarios (their IDs). */
export type Plan = { files: readonly string[] } | { scenarios: readonly string[]; observe: boolean };

/** Boots the machine once for each of `boots` with a plan and the executables of a folder. */
export async function bootWith(
  plan: Plan,
  plugins: string,
  boots: readonly string[],
  print: (line: string) => void,
): Promise<Outcome[]> {
  const folder = mkdtempSync(`${tmpdir()}/cni-vm-`);
  const clean = () => rmSync(folder, { recursive: true, force: true });
  process.on("exit", clean);
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(1));
  try {
    const kernel = ensureKernel();
    const [repository, data] = [`${folder}/repository.img`, `${folder}/data.img`];
    repositoryImage(repository, plan);
    makeExt4(data, 64);
    const readOnly = [rootImage(kernel, plugins), repository, pluginsImage(plugins)];
    const disks = [...readOnly.map((image) => ({ image, writable: false })), { image: data, writable: true }];
    const outcomes: Outcome[] = [];
    for (const boot of boots) {
      const expectPeer = process.env["EXPECT_PEER"] ?? "0";
      const env = { CNI_TEST_BOOT: boot, EXPECT_PEER: expectPeer };
      outcomes.push(await bootMachine({ kernel, disks, env, console: `${folder}/console`, limitMs, print }));
    }
    return outcomes;
  } finally {
    clean();
  }
}

function verdict(outcomes: readonly Outcome[]): number {
  const { passed, failed, skipped } = sum(outcomes.map(({ counts }) => counts));
  const refused = skipped > 0 && inCi;
  if (refused) console.log("nothing may be skipped in CI");
  console.log(`vm: ${passed} passed, ${failed} failed, ${skipped} skipped`);
  const everyBootPassed = outcomes.every(({ status, counts }) => status === 0 && counts.passed > 0);
  return everyBootPassed && !refused ? 0 : 1;
}
