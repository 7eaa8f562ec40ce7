interface WeighedFile {
  /** Path from the repository's root. */
  readonly name: string;
  /** Bytes. */
  readonly size: number;
}

/** What a file that was never run is taken to need, by its size: most black-box tests are near it. */
const bytesPerSecond = 500;

/**
 * The files in the order in which they should begin, so that none is left running alone at the end: those that took
 * longest at their last run first.
 */
export function heaviestFirst<T extends WeighedFile>(
  files: readonly T[],
  seconds: ReadonlyMap<string, number>,
): T[] {
  const weight = ({ name, size }: WeighedFile): number => seconds.get(name) ?? size / bytesPerSecond;
  return files.toSorted((one, other) => weight(other) - weight(one));
}
