import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { toolEnvironment } from "../harness/host/command.ts";
import type { Kernel } from "./kernel.ts";
import { type Outcome, OutcomeReader } from "./outcome.ts";

type Disk = { image: string; writable: boolean };

type Boot = {
  kernel: Kernel;
  /** In the guest /dev/nvme0n1, nvme0n2, …; the first one is the root file system. */
  disks: readonly Disk[];
  /** The environment of the guest's first process; values without blanks. */
  env: Record<string, string>;
  /** The file that gets the console's text. */
  console: string;
  /** After this the machine is switched off, as if it hung. */
  limitMs: number;
  print: (line: string) => void;
};

/**
 * Boots a machine in QEMU, with an emulated processor (no KVM), and waits until it is off. Throws with the end of
 * its console when it panicked, hung, or stopped before the tests were through.
 */
export async function bootMachine(boot: Boot): Promise<Outcome> {
  // A machine must not outlive this process, not even when that is killed.
  const machine = spawn("setpriv", ["--pdeathsig", "KILL", "qemu-system-x86_64", ...qemuArguments(boot)], {
    env: toolEnvironment,
    stdio: ["ignore", "pipe", "pipe"],
  });
  const reader = new OutcomeReader(boot.print);
  let stderr = "";
  let late = false;
  machine.stdout.setEncoding("utf8").on("data", (text: string) => reader.read(text));
  machine.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
  });
  const stop = () => machine.kill("SIGKILL");
  const limit = setTimeout(() => {
    late = true;
    stop();
  }, boot.limitMs);
  try {
    await new Promise<void>((resolve, reject) => {
      machine.on("error", reject);
      machine.on("close", () => resolve());
    });
  } finally {
    clearTimeout(limit);
  }
  const { status, counts } = reader.outcome;
  if (status !== undefined && counts !== undefined) return { status, counts };
  const why = late ? `was not done after ${boot.limitMs / 1000} s` : "did not get through the tests";
  throw new Error(`the virtual machine ${why}\n${stderr}${endOfConsole(boot.console)}`);
}

function qemuArguments({ kernel, disks, env, console }: Boot): string[] {
  const variables = Object.entries(env).map(([name, value]) => `${name}=${value}`);
  // A panic ends the machine at once; the emulated processor needs no defence against speculation. Linux counts timer
  // interrupts for some milliseconds when it boots, and panics without any: a busy machine may not emulate that far.
  const words = [
    "console=ttyS0",
    "root=/dev/nvme0n1",
    "rootfstype=ext4",
    "rootwait",
    "ro",
    "init=/sbin/init",
  ];
  const settings = [
    "panic=-1",
    "oops=panic",
    "transparent_hugepage=never",
    "mitigations=off",
    "nokaslr",
    "no_timer_check",
    "loglevel=5",
    ...variables,
  ];
  return [
    ...[
      "-machine",
      "q35",
      "-accel",
      "tcg,thread=multi,tb-size=512",
      "-cpu",
      "max",
      "-smp",
      "2",
      "-m",
      "2048",
    ],
    ...["-nodefaults", "-display", "none", "-no-reboot"],
    ...["-serial", `file:${console}`, "-serial", "stdio"],
    ...["-kernel", kernel.image, "-append", [...words, ...settings].join(" ")],
    ...["-device", "nvme,id=disks,serial=cni"],
    ...disks.flatMap(({ image, writable }, index) => [
      ...[
        "-drive",
        `if=none,id=disk${index},format=raw,file=${image},${writable ? "cache=unsafe" : "readonly=on"}`,
      ],
      ...["-device", `nvme-ns,drive=disk${index},bus=disks,nsid=${index + 1}`],
    ]),
  ];
}

function endOfConsole(path: string): string {
  const lines = readFileSync(path, "utf8").replaceAll("\r", "").split("\n");
  return `the console's last lines:\n${lines.slice(-120).join("\n")}`;
}
