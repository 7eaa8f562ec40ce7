import { build } from "esbuild";

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
    minify: true,
    // A program in an executable never looks for a file beside its source.
    define: { "import.meta.dirname": '""' },
    legalComments: "none",
    logLevel: "warning",
  });
  const [output] = result.outputFiles;
  if (output === undefined) throw new Error(`esbuild gave no output for ${entry}`);
  return output.text;
}
