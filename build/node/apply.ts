import { type Change, EditRefusal, type Patch, patchOf } from "./change.ts";
import { architectureOf, type ElfSymbol } from "./elf.ts";

/** What became of a change in a binary. */
interface Outcome {
  readonly change: Change;
  /** What it writes; none when it cannot be made. */
  readonly patches: readonly Patch[];
  /** Why it cannot be made. */
  readonly refusal?: string;
}

/** What each change writes to a published Node binary, which stays as it is. A change is made whole or not at all. */
export function outcomesOf(
  binary: Buffer,
  symbols: ReadonlyMap<string, ElfSymbol>,
  changes: readonly Change[],
): readonly Outcome[] {
  const arch = architectureOf(binary);
  if (arch === undefined) throw new Error("it is no Node binary for x86-64 or arm64");
  const possible = changes.filter(({ only = arch }) => only === arch);
  return possible.map((change) => {
    try {
      return { change, patches: change.edits.map((edit) => patchOf(edit, binary, symbols, arch)) };
    } catch (error) {
      if (error instanceof EditRefusal) return { change, patches: [], refusal: error.message };
      throw error;
    }
  });
}

/**
 * Makes what can be made of the changes in a binary. Returns the names of the others. Throws when one of those is
 * required.
 */
export function applyChanges(
  binary: Buffer,
  symbols: ReadonlyMap<string, ElfSymbol>,
  changes: readonly Change[],
): readonly string[] {
  const missing: string[] = [];
  for (const { change, patches, refusal } of outcomesOf(binary, symbols, changes)) {
    for (const { offset, bytes } of patches) bytes.copy(binary, offset);
    if (refusal === undefined) continue;
    if (change.required === true)
      throw new Error(`this Node cannot be changed as is needed: ${change.name}: ${refusal}`);
    missing.push(`${change.name} (${refusal}, ${change.saves} ms)`);
  }
  return missing;
}
