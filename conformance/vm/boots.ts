import { type TestContext, test } from "node:test";
import { guest } from "./guest-init.ts";

/** Which boot of the virtual machine this is, from 1; 0 outside of one. */
export const boot = Number(process.env["CNI_TEST_BOOT"] ?? "0");

/** The folder that the second boot still sees; everything else is new in it. */
export const survivingFolder = guest.data;

/** Whether a test file is also run after a reboot. */
export function isRebootTest(path: string): boolean {
  return path.endsWith(".reboot.vm.test.ts");
}

/** A test that runs in the first boot only, in a file `*.reboot.vm.test.ts`. */
export function beforeReboot(name: string, body: (t: TestContext) => Promise<void> | void): void {
  if (boot === 1) test(name, body);
}

/** A test that runs in the second boot only, in a file `*.reboot.vm.test.ts`. */
export function afterReboot(name: string, body: (t: TestContext) => Promise<void> | void): void {
  if (boot === 2) test(name, body);
}
