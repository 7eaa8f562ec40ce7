import { build } from "esbuild";

/**
 * Bundles one program and everything that it imports into one CommonJS file, the only kind of main script that a
 * Node 24 single executable application takes. Returns the text; throws when an import cannot be resolved.
 */
export async function bundle(entry: string): Promise<string> {
  const result = await build({
    entryPoints: [entry],
    bundle: true,
    write: false,
    platform: "node",
    format: "cjs",
    target: "node24",
    // Node's own modules are all that an executable can `require`; everything else must be in the bundle.
    packages: "bundle",
    minify: true,
    // The bundle only runs inside an executable, where code never looks for a file beside itself.
    define: { "import.meta.dirname": '""' },
    legalComments: "none",
    logLevel: "warning",
  });
  const [output] = result.outputFiles;
  if (output === undefined) throw new Error(`esbuild gave no output for ${entry}`);
  return output.text;
}
