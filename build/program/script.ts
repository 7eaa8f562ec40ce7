import { SourceMap, type SourceMapPayload } from "node:module";

/** A bundle: a script that was made from other files. */
export interface Script {
  readonly text: string;
  /** Its source map as JSON, with the files' texts. */
  readonly map: string;
}

interface SourcePlace {
  /** A path from the repository's root. */
  readonly file: string;
  /** What the bundler read there. */
  readonly text: string;
  /** From 0 on, like `column`. */
  readonly line: number;
  readonly column: number;
}

/** Tells what a place in a script, from line 0 and column 0 on, was made from; undefined for what a bundler added. */
export function sourcePlaces({ map }: Script): (line: number, column: number) => SourcePlace | undefined {
  const payload: SourceMapPayload = JSON.parse(map);
  const entries = new SourceMap(payload);
  const texts = new Map(payload.sources.map((source, index) => [source, payload.sourcesContent[index]]));
  return (line, column) => {
    const entry = entries.findEntry(line, column);
    if (!("originalSource" in entry) || entry.originalSource === undefined) return undefined;
    const { originalSource: source, originalLine, originalColumn } = entry;
    // A worktree may have its packages elsewhere.
    const file = source.replace(/^.*\/(?=node_modules\/)/, "");
    return { file, text: texts.get(source) ?? "", line: originalLine, column: originalColumn };
  };
}

const head = "(function (internalBinding, nodeProcess) {";

/** Makes a bundle a function expression, whose parameters are the free names that the bundle may use. */
export function asFunction({ text }: Script): string {
  return `${head}${text}\n})`;
}

/** Where a character of a function expression is in its bundle. */
export function offsetInBundle(offset: number): number {
  return offset - head.length;
}

/** A place in a function expression as one in its bundle, both from 0 on. */
export function placeInBundle({ line, column }: PlaceInText): PlaceInText {
  return { line, column: line === 0 ? column - head.length : column };
}

interface PlaceInText {
  readonly line: number;
  readonly column: number;
}

/** Tells at which line and column of a text a character is, all from 0 on. */
export function placesIn(text: string): (offset: number) => PlaceInText {
  const lineStarts = [0, ...[...text.matchAll(/\n/g)].map(({ index }) => index + 1)];
  return (offset) => {
    const next = lineStarts.findIndex((start) => start > offset);
    const line = (next === -1 ? lineStarts.length : next) - 1;
    return { line, column: offset - (lineStarts[line] ?? 0) };
  };
}
