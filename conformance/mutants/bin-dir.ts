import { chmodSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { type Mutant, mutants } from "./mutants.ts";

/** Makes a folder of plugins in which one is a mutant and the others are those of `binDir`. */
export function writeMutantFolder(mutant: Mutant, binDir: string, folder: string): void {
  mkdirSync(folder, { recursive: true });
  for (const name of readdirSync(binDir)) {
    if (name !== mutant.plugin) symlinkSync(`${binDir}/${name}`, `${folder}/${name}`);
  }
  const tool = fileURLToPath(new URL("mutant-tool.ts", import.meta.url));
  const words = [process.execPath, tool, String(mutants.indexOf(mutant)), `${binDir}/${mutant.plugin}`];
  const script = `#!/bin/sh\nexec ${words.map((word) => `'${word}'`).join(" ")}\n`;
  writeFileSync(`${folder}/${mutant.plugin}`, script);
  chmodSync(`${folder}/${mutant.plugin}`, 0o755);
}
