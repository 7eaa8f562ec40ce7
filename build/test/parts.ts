/** A part of `npm test`: an npm script, which begins when those that it needs went well. */
export interface Part {
  readonly name: string;
  readonly needs: readonly string[];
  /** How much it lets others go first, as nice(1) does: what takes longest from end to end is not held up. */
  readonly niceness: number;
}

/**
 * What `npm test` runs, side by side. Tests of a part have hosts of their own, so nothing has to wait for another part's
 * end but for what is built; where the executables cannot be built, nothing that needs them is run.
 */
export const parts: readonly Part[] = [
  { name: "build", needs: [], niceness: 0 },
  { name: "build:linked", needs: ["build"], niceness: 0 },
  { name: "prepare:peers", needs: [], niceness: 0 },
  { name: "prepare:others", needs: [], niceness: 0 },
  { name: "lint", needs: [], niceness: 5 },
  { name: "types", needs: [], niceness: 5 },
  { name: "imports", needs: [], niceness: 5 },
  { name: "vm", needs: ["build", "prepare:peers"], niceness: 0 },
  { name: "blackbox", needs: ["build:linked", "prepare:peers"], niceness: 5 },
  { name: "scenarios:peer", needs: ["build", "prepare:peers"], niceness: 5 },
  { name: "scenarios:versions", needs: ["build"], niceness: 5 },
  { name: "packagings", needs: ["build:linked"], niceness: 5 },
  { name: "kernel", needs: ["build", "prepare:peers"], niceness: 5 },
  { name: "unit", needs: ["build"], niceness: 5 },
];
