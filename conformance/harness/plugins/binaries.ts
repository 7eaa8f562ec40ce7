import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { ensurePeer } from "./peers.ts";

/**
 * With EXPECT_PEER=1 the tests run the Go plugins, to try the tests themselves: what is known to be different there
 * is tolerated.
 */
export const expectPeer = process.env["EXPECT_PEER"] === "1";

export const pluginNames = ["bridge", "firewall", "host-local", "loopback", "portmap", "tuning"];

/** The folder with the executables under test: CNI_BIN_DIR, or dist/bin. Throws when one is missing. */
export function pluginFolder(): string {
  const folder = process.env["CNI_BIN_DIR"] ?? (expectPeer ? ensurePeer().binDir : builtFolder);
  const missing = pluginNames.filter((name) => !existsSync(`${folder}/${name}`));
  if (missing.length > 0) throw new Error(`${folder} lacks ${missing.join(", ")}: run "npm run build" first`);
  return folder;
}

/** The folder with the linked executable: CNI_LINKED_DIR, or dist/linked. Throws when it is missing. */
export function linkedFolder(): string {
  const folder =
    process.env["CNI_LINKED_DIR"] ?? fileURLToPath(new URL("../../../dist/linked", import.meta.url));
  const missing = pluginNames.filter((name) => !existsSync(`${folder}/${name}`));
  if (missing.length > 0)
    throw new Error(`${folder} lacks ${missing.join(", ")}: run "npm run build -- --linked" first`);
  return folder;
}

const builtFolder = fileURLToPath(new URL("../../../dist/bin", import.meta.url));
