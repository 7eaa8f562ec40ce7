/** What Go's linker wrote of a program into it (runtime/debug.BuildInfo). */
export interface GoProgram {
  /** The path of its main package. */
  readonly path: string;
  /** The release, with its `v`; undefined where the build did not tell. */
  readonly version: string | undefined;
}

/** Go's cmd/go/internal/modload/build.go, infoStart and infoEnd, as texts of one character a byte. */
export const infoStart = "\x30\x77\xaf\x0c\x92\x74\x08\x02\x41\xe1\xc1\x07\xe6\xd6\x18\xe6";
const infoEnd = "\xf9\x32\x43\x31\x86\x18\x20\x72\x00\x82\x42\x10\x41\x16\xd8\xf2";

/** Where the Go plugins are from. */
const goPlugins = "github.com/containernetworking/plugins";

/**
 * Reads it.
 *
 * @param text what follows `infoStart`, with or without what is behind its end.
 * @returns undefined when it is not such a text.
 */
export function parseGoProgram(text: string): GoProgram | undefined {
  const end = text.indexOf(infoEnd);
  const [, path] = /^path\t([ -~]+)$/m.exec(text.slice(0, 4096)) ?? [];
  if (path === undefined || !text.startsWith("path\t")) return undefined;
  return { path, version: versionIn(end === -1 ? text : text.slice(0, end)) };
}

/** That of the Go plugins' own build script, which is a variable of the linker, or that of the module. */
function versionIn(text: string): string | undefined {
  const [, linked] = /buildversion\.BuildVersion=(v?\d[^\s"']*)/.exec(text) ?? [];
  if (linked !== undefined) return linked.startsWith("v") ? linked : `v${linked}`;
  return /^mod\t\S+\t(v\d\S*)/m.exec(text)?.[1];
}

/** The Go plugin that a main package is, such as `bridge`; undefined for others. */
export function goPluginOf(path: string): string | undefined {
  return path.startsWith(`${goPlugins}/plugins/`) ? path.slice(path.lastIndexOf("/") + 1) : undefined;
}
