import { join } from "node:path";
import { type BuildOptions, build, type OutputFile } from "esbuild";
import { minify } from "terser";
import packageJson from "../../package.json" with { type: "json" };
import { canLinkAddon } from "../node/binary.ts";
import { changes } from "../node/changes.ts";
import { buildInfo } from "./build-info.ts";
import { functionsOf } from "./functions.ts";
import { ipAddress } from "./ip-address.ts";
import { pluginNames } from "./plugin-names.ts";
import { offsetInBundle, type Script } from "./script.ts";
import { unusedMembers, withoutUnusedMembers } from "./unused-members.ts";

const { version } = packageJson;

const root = join(import.meta.dirname, "../..");
const runtime = join(root, "shared/runtime");

const options = {
  bundle: true,
  platform: "node",
  target: "node24",
  charset: "ascii",
  packages: "bundle",
  plugins: [ipAddress],
  define: {
    // A program in an executable never looks for a file beside its source.
    "import.meta.dirname": '""',
    "import.meta.url": '""',
    CNI_PLUGINS_VERSION: JSON.stringify(version),
    CNI_PLUGINS_NAMES: JSON.stringify(pluginNames),
    CNI_PLUGINS_BUILD: JSON.stringify(JSON.stringify(buildInfo([]))),
    ADDON_IS_LINKED: "false",
    INSTALLER_IS_APART: "false",
  },
  legalComments: "none",
  logLevel: "warning",
  write: false,
  format: "cjs",
  // Comments would name folders of this machine.
  minifyWhitespace: true,
  minifySyntax: true,
} satisfies BuildOptions;

/**
 * Bundles one program and everything that it imports into the text of one CommonJS script in ASCII, which only
 * requires Node's own modules. Throws when an import cannot be resolved.
 */
export async function bundle(entry: string): Promise<string> {
  const { outputFiles } = await build({ ...options, entryPoints: [entry] });
  return only(outputFiles, entry);
}

/** Another plugin's code within a program. */
export interface BuiltInSource {
  /** The module that exports it as `plugin`. */
  readonly module: string;
  /** What the stamp of the other program's own executable says. */
  readonly identity: string;
  /** Whether that executable is other programs too, by other names. */
  readonly isByName?: boolean;
}

/**
 * Bundles one program like `bundle`, with shared/runtime in place of Node's library and as little else as possible: its
 * only free names are `internalBinding` and `nodeProcess`. Throws also when it imports what the runtime does not have.
 */
export async function bundleForSnapshot(entry: string, builtIn?: BuiltInSource): Promise<Script> {
  const program = await compressed(await bundleAsWritten(entry, builtIn));
  const [needsIcu] = program.text.match(needingIcu) ?? [];
  if (needsIcu !== undefined)
    throw new Error(`${entry}: executables are without ICU's data, which this needs: ${needsIcu}`);
  return program;
}

/** The same program before functions are put where they are used: every place in it has one in the sources. */
export async function bundleAsWritten(entry: string, builtIn?: BuiltInSource): Promise<Script> {
  const { text, map } = await bundleWhole(entry, builtIn);
  return { text: withoutUnusedMembers(text), map };
}

/** The methods and accessors of classes that are left out of such a program: the file of each, its class and name. */
export async function droppedMembers(entry: string, builtIn?: BuiltInSource): Promise<readonly string[]> {
  const script = await bundleWhole(entry, builtIn);
  const dropped = new Set(unusedMembers(script.text).map(({ start }) => start));
  return functionsOf(script).flatMap(({ name, start }) => (dropped.has(offsetInBundle(start)) ? [name] : []));
}

async function bundleWhole(entry: string, builtIn?: BuiltInSource): Promise<Script> {
  const { outputFiles } = await build({
    ...options,
    alias: Object.fromEntries(
      ["fs", "os", "path", "sea"].map((name) => [`node:${name}`, join(runtime, `${name}.ts`)]),
    ),
    define: {
      ...options.define,
      CNI_PLUGINS_BUILD: JSON.stringify(JSON.stringify(buildInfo(changes.map(({ name }) => name)))),
      ADDON_IS_LINKED: String(canLinkAddon),
      INSTALLER_IS_APART: "true",
    },
    inject: [join(runtime, "globals.ts")],
    // Without it, esbuild would leave imports of Node's modules in the text.
    platform: "neutral",
    mainFields: ["module", "main"],
    conditions: ["node", "import"],
    stdin: mainModule(entry, builtIn),
    absWorkingDir: root,
    outfile: join(root, "program.js"),
    sourcemap: "external",
  });
  const isMap = ({ path }: OutputFile): boolean => path.endsWith(".map");
  const text = only(
    outputFiles.filter((file) => !isMap(file)),
    entry,
  );
  return { text, map: only(outputFiles.filter(isMap), entry) };
}

/** What fails without data of languages and time zones, which build/node/unused-data.ts leaves out. */
const needingIcu = /.{0,40}(\.localeCompare\(|\.toLocale[A-Z]\w+\(|\bIntl\.).{0,20}/;

/**
 * The same script with constants in the places of their names, functions that are used in one place there, and without
 * what is unused then: every start of a plugin makes objects of all of them. Other names stay, for the stack of an
 * internal error: shorter ones make no start any faster.
 */
async function compressed(script: Script): Promise<Script> {
  const { code, map } = await minify(script.text, {
    compress: { passes: 3 },
    mangle: false,
    keep_classnames: true,
    toplevel: true,
    ecma: 2020,
    format: { ascii_only: true },
    sourceMap: { content: script.map },
  });
  if (code === undefined || typeof map !== "string") throw new Error("terser gave no text");
  return { text: code, map };
}

function mainModule(
  entry: string,
  builtIn: BuiltInSource | undefined,
): { contents: string; resolveDir: string } {
  const more = builtIn === undefined ? [] : builtInImports(builtIn);
  return {
    contents: [`import ${JSON.stringify(entry)};`, ...more].join("\n"),
    resolveDir: import.meta.dirname,
  };
}

function builtInImports({ module, identity, isByName = false }: BuiltInSource): readonly string[] {
  const registry = join(import.meta.dirname, "../../shared/cni/built-in.ts");
  return [
    `import { addBuiltIn } from ${JSON.stringify(registry)};`,
    `import { plugin } from ${JSON.stringify(module)};`,
    `addBuiltIn(${JSON.stringify({ identity, isByName })}, plugin);`,
  ];
}

function only(files: readonly { readonly text: string }[], what: string): string {
  const [file] = files;
  if (file === undefined || files.length > 1) throw new Error(`esbuild gave no single output for ${what}`);
  return file.text;
}
