import { build } from "esbuild";
import packageJson from "../package.json" with { type: "json" };

const { version } = packageJson;

/**
 * Bundles one program and everything that it imports into the text of one CommonJS script in ASCII, which only
 * requires Node's own modules. Throws when an import cannot be resolved.
 */
export async function bundle(entry: string): Promise<string> {
  const result = await build({
    entryPoints: [entry],
    bundle: true,
    write: false,
    platform: "node",
    format: "cjs",
    target: "node24",
    charset: "ascii",
    packages: "bundle",
    // Comments would name folders of this machine. Names stay, for the stack of an internal error: shorter ones make
    // no start any faster.
    minifyWhitespace: true,
    minifySyntax: true,
    define: {
      // A program in an executable never looks for a file beside its source.
      "import.meta.dirname": '""',
      CNI_PLUGINS_VERSION: JSON.stringify(version),
    },
    legalComments: "none",
    logLevel: "warning",
  });
  const [output] = result.outputFiles;
  if (output === undefined) throw new Error(`esbuild gave no output for ${entry}`);
  return output.text;
}
