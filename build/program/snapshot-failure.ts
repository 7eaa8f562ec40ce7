import type { SnapshotFailure } from "../node/guards.ts";
import { placeInBundle, type Script, sourcePlaces } from "./script.ts";

/** What stands in for Node's library: who calls it is to blame. */
const runtime = "shared/runtime/";

/** Says why no snapshot was made of a script, and where in its sources. */
export function snapshotFailure({ message, stack, touched }: SnapshotFailure, script: Script): string {
  const places = placesIn(touched?.stack ?? stack, script);
  const first = Math.max(
    places.findIndex((place) => !place.startsWith(runtime)),
    0,
  );
  const [place = "somewhere", ...callers] = places.slice(first);
  const reason =
    touched === undefined
      ? `${place}: ${message}`
      : `${place}: a module touches ${touched.what} when it is evaluated, which is when the executable is built: every start would find what was there then`;
  return [reason, ...callers.map((caller) => `    called at ${caller}`)].join("\n");
}

/** The places in the sources that a stack of V8's has, as `file:line`. */
function placesIn(stack: string, script: Script): readonly string[] {
  const placeOf = sourcePlaces(script);
  return [...stack.matchAll(/\bprogram\.js:(\d+):(\d+)/g)].flatMap(([, line, column]) => {
    const inBundle = placeInBundle({ line: Number(line) - 1, column: Number(column) - 1 });
    const place = placeOf(inBundle.line, inBundle.column);
    return place === undefined ? [] : [`${place.file}:${place.line + 1}`];
  });
}
