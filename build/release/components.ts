/**
 * What is in an executable besides this project's own code: Node with the libraries in its binary, koffi's addon, and the
 * packages that the bundler put in.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import packageLock from "../../package-lock.json" with { type: "json" };
import type { Script } from "../program/script.ts";

/** How much of a component an executable can run. */
type Presence =
  /** Calls of plugins run it. */
  | "used"
  /** Its code is in the file, and no plugin's call leads to it. */
  | "unreachable";

export interface Component {
  readonly name: string;
  readonly version: string;
  /** An SPDX licence expression. */
  readonly license: string;
  /** https://github.com/package-url/purl-spec */
  readonly purl: string;
  /** By which scanners know it; undefined where the dictionary has none. */
  readonly cpe?: string | undefined;
  readonly presence: Presence;
  /** For people: why it is there. */
  readonly note: string;
  /** Of the file or archive that it came from. */
  readonly sha512?: string | undefined;
  /** The name of the component that it is a part of. */
  readonly within?: string;
}

interface PartOfNode {
  readonly name: string;
  readonly license: string;
  readonly presence: Presence;
  readonly note: string;
  /** Vendor and product of its CPE. */
  readonly cpe?: string;
}

/**
 * Libraries in Node's binary by their names in process.versions. What is script there (acorn, undici, …) is left out of
 * executables: see ../node/unused-data.ts.
 */
const partsOfNode: Readonly<Record<string, PartOfNode>> = {
  v8: {
    ...{ name: "v8", license: "BSD-3-Clause", cpe: "google:v8", presence: "used" },
    note: "as an interpreter only (--jitless): its compilers and WebAssembly are present and switched off",
  },
  uv: { name: "libuv", license: "MIT", cpe: "libuv:libuv", presence: "used", note: "files and the process" },
  openssl: {
    ...{ name: "openssl", license: "Apache-2.0", cpe: "openssl:openssl", presence: "used" },
    note: "SHA-512 only; TLS, certificates and all else are present, and no plugin calls them",
  },
  icu: {
    ...{ name: "icu", license: "Unicode-3.0", cpe: "icu-project:international_components_for_unicode" },
    ...{ presence: "unreachable", note: "without its data" },
  },
  simdutf: { name: "simdutf", license: "MIT OR Apache-2.0", presence: "used", note: "texts of UTF-8" },
  zlib: { name: "zlib", license: "Zlib", cpe: "zlib:zlib", presence: "unreachable", note: "node:zlib" },
  brotli: {
    name: "brotli",
    license: "MIT",
    cpe: "google:brotli",
    presence: "unreachable",
    note: "node:zlib",
  },
  zstd: {
    ...{ name: "zstd", license: "BSD-3-Clause", cpe: "facebook:zstandard" },
    ...{ presence: "unreachable", note: "node:zlib" },
  },
  ares: {
    ...{ name: "c-ares", license: "MIT", cpe: "c-ares:c-ares", presence: "unreachable" },
    note: "node:dns; no plugin resolves a name",
  },
  nghttp2: {
    ...{ name: "nghttp2", license: "MIT", cpe: "nghttp2:nghttp2", presence: "unreachable" },
    note: "node:http2; no plugin opens a connection but netlink and D-Bus",
  },
  llhttp: {
    name: "llhttp",
    license: "MIT",
    cpe: "llhttp:llhttp",
    presence: "unreachable",
    note: "node:http",
  },
  ada: { name: "ada", license: "MIT OR Apache-2.0", presence: "unreachable", note: "URL" },
  simdjson: {
    name: "simdjson",
    license: "Apache-2.0",
    presence: "unreachable",
    note: "package.json of modules",
  },
  sqlite: {
    ...{ name: "sqlite", license: "blessing", cpe: "sqlite:sqlite", presence: "unreachable" },
    note: "node:sqlite",
  },
  uvwasi: { name: "uvwasi", license: "MIT", presence: "unreachable", note: "node:wasi" },
  ncrypto: { name: "ncrypto", license: "MIT", presence: "unreachable", note: "node:crypto" },
  nbytes: { name: "nbytes", license: "MIT", presence: "used", note: "buffers" },
};

const packages: Readonly<Record<string, { version: string; integrity?: string; license?: string }>> =
  packageLock.packages;

/**
 * The components of executables.
 *
 * @param bundles the programs inside.
 * @param versions process.versions of the Node that they have.
 * @param node the npm package that Node came in.
 */
export function componentsOf(
  bundles: readonly Script[],
  versions: Readonly<Record<string, string | undefined>>,
  node: string,
): readonly Component[] {
  const ofNode = Object.entries(partsOfNode).flatMap(([key, { cpe, ...part }]): Component[] => {
    const version = versions[key];
    if (version === undefined || version === "") return [];
    return [
      {
        ...{ ...part, version, within: "node", purl: `pkg:generic/${part.name}@${version}` },
        cpe: cpe && `cpe:2.3:a:${cpe}:${version}:*:*:*:*:*:*:*`,
      },
    ];
  });
  const { node: nodeVersion = "" } = versions;
  return [
    {
      ...{ name: "node", version: nodeVersion, license: "MIT", presence: "used" },
      purl: `pkg:generic/node@${nodeVersion}?download_url=https://registry.npmjs.org/${node}`,
      cpe: `cpe:2.3:a:nodejs:node.js:${nodeVersion}:*:*:*:*:*:*:*`,
      note: "changed and made smaller: build/node/README.md lists how, `npm run verify` proves it",
      sha512: sha512Of(node),
    },
    ...ofNode,
    {
      ...npmPackage("koffi"),
      note: "its native addon, by which plugins call the C library",
    },
    ...bundledPackages(bundles).map((name) => ({ ...npmPackage(name), note: "bundled" })),
  ];
}

/** The packages of which the bundler put something into one of the programs. */
function bundledPackages(bundles: readonly Script[]): readonly string[] {
  const names = bundles.flatMap(({ map }) => {
    const { sources }: { sources: readonly string[] } = JSON.parse(map);
    return sources.flatMap((source) => /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(source)?.[1] ?? []);
  });
  return [...new Set(names)].sort();
}

function npmPackage(name: string): Omit<Component, "note"> {
  const locked = packages[`node_modules/${name}`];
  if (locked === undefined) throw new Error(`package-lock.json has no ${name}`);
  const { version, license = "NOASSERTION" } = locked;
  const purl = `pkg:npm/${name.replace("@", "%40")}@${version}`;
  return { name, version, license, purl, presence: "used", sha512: sha512Of(name) };
}

/** The hash of a package's archive, as package-lock.json has it, in hex. */
function sha512Of(name: string): string | undefined {
  const integrity = packages[`node_modules/${name}`]?.integrity;
  return integrity === undefined
    ? undefined
    : Buffer.from(integrity.replace(/^sha512-/, ""), "base64").toString("hex");
}

/** The licence texts of all components, as one text file. */
export function licenceTexts(bundles: readonly Script[], nodePackage: string): string {
  const folderOf = (name: string): string => join(import.meta.dirname, "../../node_modules", name);
  const files: [string, string][] = [
    ...bundledPackages(bundles).map((name): [string, string] => [name, join(folderOf(name), "LICENSE")]),
    ["koffi", join(folderOf("koffi"), "LICENSE.txt")],
    ["Node.js, and the libraries in it", join(folderOf(nodePackage), "LICENSE")],
  ];
  const line = "=".repeat(80);
  return files
    .map(([what, file]) => `${line}\n${what}\n${line}\n\n${readFileSync(file, "utf8").trim()}\n`)
    .join("\n");
}
