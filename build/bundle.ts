import { type BuildOptions, build } from "esbuild";
import packageJson from "../package.json" with { type: "json" };
import { lazyConstants } from "./lazy-constants.ts";

const { version } = packageJson;

const options = {
  bundle: true,
  platform: "node",
  target: "node24",
  charset: "ascii",
  packages: "bundle",
  plugins: [lazyConstants],
  define: {
    // A program in an executable never looks for a file beside its source.
    "import.meta.dirname": '""',
    "import.meta.url": '""',
    CNI_PLUGINS_VERSION: JSON.stringify(version),
  },
  legalComments: "none",
  logLevel: "warning",
} satisfies BuildOptions;

/** The form of what goes into an executable. */
const packed = {
  ...options,
  write: false,
  format: "cjs",
  // Comments would name folders of this machine. Names stay, for the stack of an internal error: shorter ones make
  // no start any faster.
  minifyWhitespace: true,
  minifySyntax: true,
} satisfies BuildOptions;

/**
 * Bundles one program and everything that it imports into the text of one CommonJS script in ASCII, which only
 * requires Node's own modules. Throws when an import cannot be resolved.
 */
export async function bundle(entry: string): Promise<string> {
  const { outputFiles } = await build({ ...packed, entryPoints: [entry] });
  return only(outputFiles, entry);
}

/** Another program's code within a program. */
export interface BuiltInSource {
  /** The module that exports it as `plugin`. */
  readonly module: string;
  /** What the stamp of the other program's own executable says. */
  readonly identity: string;
}

export interface ProgramWithBuiltIn {
  readonly program: string;
  /** What only the plugin within needs: a script of its own, so that it costs nothing until it is needed. */
  readonly builtIn: string;
}

/**
 * Bundles a program and, apart from it, the plugin `name` that is within. Modules that both use are only in the
 * program, which hands them over by the name CNI_SHARED: see shared/cni/built-in.ts. Throws like `bundle`.
 */
export async function bundleWithBuiltIn(
  entry: string,
  name: string,
  { module, identity }: BuiltInSource,
): Promise<ProgramWithBuiltIn> {
  const { outputFiles, metafile } = await build({
    ...options,
    define: { ...options.define, CNI_BUILT_INS: JSON.stringify(JSON.stringify({ [name]: identity })) },
    write: false,
    metafile: true,
    entryPoints: { program: entry, plugin: module },
    splitting: true,
    format: "esm",
    chunkNames: "shared",
    outdir: "/out",
  });
  const parts = new Map(outputFiles.map(({ path, text }) => [path.replace("/out/", "./"), text]));
  const part = (path: string): string => {
    const text = parts.get(path);
    if (text === undefined) throw new Error(`esbuild gave no ${path} for ${entry} and ${module}`);
    return text;
  };
  const shared = Object.entries(metafile.outputs).find(([path]) => path.endsWith("/shared.js"))?.[1];
  const names = (shared?.exports ?? []).join(", ");
  const program = {
    "./entry.js": 'import "./hand-over.js"; import "./program.js";',
    "./hand-over.js": `import { ${names} } from "./shared.js"; CNI_SHARED = () => ({ ${names} });`,
    "./program.js": part("./program.js"),
    "./shared.js": part("./shared.js"),
  };
  const builtIn = {
    "./entry.js": 'import { plugin } from "./plugin.js"; give(plugin);',
    "./plugin.js": part("./plugin.js"),
    "./shared.js": `export const { ${names} } = shared;`,
  };
  return { program: await join(program), builtIn: await join(builtIn) };
}

/** Bundles modules that are given as texts; `./entry.js` is the main one. */
async function join(modules: Readonly<Record<string, string>>): Promise<string> {
  const { outputFiles } = await build({
    ...packed,
    entryPoints: ["./entry.js"],
    plugins: [
      {
        name: "texts",
        setup(setting) {
          setting.onResolve({ filter: /^\.\// }, ({ path }) => ({ path, namespace: "texts" }));
          setting.onLoad({ filter: /^/, namespace: "texts" }, ({ path }) => {
            const contents = modules[path];
            return contents === undefined ? undefined : { contents, loader: "js" };
          });
        },
      },
    ],
  });
  return only(outputFiles, Object.keys(modules).join(", "));
}

function only(files: readonly { readonly text: string }[], what: string): string {
  const [file] = files;
  if (file === undefined || files.length > 1) throw new Error(`esbuild gave no single output for ${what}`);
  return file.text;
}
