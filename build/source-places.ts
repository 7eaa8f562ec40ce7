import { SourceMap, type SourceMapPayload } from "node:module";

/** A script that was made from other files. */
export interface Script {
  readonly text: string;
  /** Its source map as JSON. Its sources are paths from the repository's root. */
  readonly map: string;
}

export interface SourcePlace {
  /** A path from the repository's root. */
  readonly file: string;
  /** From 0 on, like `column`. */
  readonly line: number;
  readonly column: number;
}

/** Tells what a place in a script, from line 0 and column 0 on, was made from; undefined for what a bundler added. */
export function sourcePlaces({ map }: Script): (line: number, column: number) => SourcePlace | undefined {
  const payload: SourceMapPayload = JSON.parse(map);
  const entries = new SourceMap(payload);
  return (line, column) => {
    const entry = entries.findEntry(line, column);
    if (!("originalSource" in entry) || entry.originalSource === undefined) return undefined;
    return { file: entry.originalSource, line: entry.originalLine, column: entry.originalColumn };
  };
}
