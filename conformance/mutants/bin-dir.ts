import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { fileURLToPath } from "node:url";
import { compileCache } from "../harness/host/command.ts";
import { mutants } from "./mutants.ts";
import type { Mutant } from "./mutation.ts";

/** A folder of plugins in which one is a mutant, and what the mutant notes of its calls. */
type MutantFolder = {
  binDir: string;
  /** How many calls came and how many were answered so far, and why the mutant itself broke in one. */
  calls: () => { begun: number; answered: number; broken: string[] };
};

/** Makes a folder of plugins in which one is a mutant and the others are those of `binDir`. */
export function writeMutantFolder(mutant: Mutant, binDir: string, folder: string): MutantFolder {
  const own = `${folder}/bin`;
  const log = `${folder}/calls`;
  mkdirSync(own, { recursive: true });
  for (const name of readdirSync(binDir)) {
    if (name !== mutant.plugin) symlinkSync(`${binDir}/${name}`, `${own}/${name}`);
  }
  const tool = fileURLToPath(new URL("mutant-tool.ts", import.meta.url));
  const words = [process.execPath, tool, String(mutants.indexOf(mutant)), `${binDir}/${mutant.plugin}`, log];
  const settings = Object.entries(compileCache).map(([name, value]) => `${name}='${value}' `);
  const script = `#!/bin/sh\n${settings.join("")}exec ${words.map((word) => `'${word}'`).join(" ")}\n`;
  writeFileSync(`${own}/${mutant.plugin}`, script);
  chmodSync(`${own}/${mutant.plugin}`, 0o755);
  return {
    binDir: own,
    calls: () => {
      const lines = existsSync(log) ? readFileSync(log, "utf8").split("\n") : [];
      return {
        begun: lines.filter((line) => line === "begun").length,
        answered: lines.filter((line) => line === "answered").length,
        broken: lines.flatMap((line) => /^broken: (.*)/.exec(line)?.slice(1) ?? []),
      };
    },
  };
}
