import { runCommand } from "../harness/host/command.ts";

/** Makes a disk image that holds a folder's content (an empty one without `folder`). Nothing is mounted for it. */
export function makeExt4(image: string, sizeMb: number, folder?: string): void {
  const source = folder === undefined ? [] : ["-d", folder];
  const options = ["-q", "-F", "-t", "ext4", "-m", "0", "-E", "lazy_itable_init=1,root_owner=0:0"];
  const journal = folder === undefined ? [] : ["-O", "^has_journal"];
  runCommand(["mke2fs", ...options, ...journal, ...source, image, `${sizeMb}m`], { timeoutMs: 300_000 });
}

/** Megabytes of the image for a folder: its content, and some for the file system itself. */
export function imageSizeMb(folder: string): number {
  const { stdout } = runCommand(["du", "--summarize", "--block-size=1M", folder]);
  return Math.ceil(Number.parseInt(stdout, 10) * 1.1) + 32;
}
