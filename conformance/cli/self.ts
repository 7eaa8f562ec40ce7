import { isSea } from "node:sea";
import { fileURLToPath } from "node:url";

/** The command that starts this program again with other arguments, packaged or from its sources. */
export function selfCommand(...args: string[]): string[] {
  if (isSea()) return [process.execPath, ...args];
  return [process.execPath, fileURLToPath(new URL("main.ts", import.meta.url)), ...args];
}
