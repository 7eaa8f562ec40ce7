/** The globals of programs for tsconfig.executable.json; the build puts them in: see globals.ts. */
import type * as globals from "./globals.ts";

declare global {
  const Buffer: typeof globals.Buffer;
  type Buffer = globals.Buffer;
  const process: typeof globals.process;
  interface ImportMeta {
    readonly dirname: string;
  }
  const TextDecoder: typeof globals.TextDecoder;
  const TextEncoder: typeof globals.TextEncoder;
}
