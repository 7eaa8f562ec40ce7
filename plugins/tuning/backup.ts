import { lazy } from "../../shared/basics/lazy.ts";
import {
  configObject,
  decode,
  optionalBoolean,
  optionalInteger,
  optionalText,
} from "../../shared/cni/config-schema.ts";
import { readJson } from "../../shared/cni/json-read.ts";
import type { LinkSettings } from "./link-settings.ts";

// The Go plugin reads and writes the same files: an interface that one of them tuned, the other can restore.
const backupSchema = lazy(() =>
  configObject({
    mac: optionalText,
    promisc: optionalBoolean,
    mtu: optionalInteger,
    allmulti: optionalBoolean,
    txQLen: optionalInteger,
  }),
);

/** The content of a backup file. */
export function formatBackup({ mac, promisc, mtu, allmulti, txQueueLength }: LinkSettings): string {
  return JSON.stringify({ mac, promisc, mtu, allmulti, txQLen: txQueueLength }, null, 1);
}

/** The settings in a backup file; undefined when it is no such file. */
export function parseBackup(content: string): LinkSettings | undefined {
  try {
    const { mac, promisc, mtu, allmulti, txQLen } = decode(backupSchema(), readJson(content), "backup");
    return {
      ...(mac !== undefined && mac !== "" && { mac }),
      ...(promisc !== undefined && { promisc }),
      ...(mtu !== undefined && mtu !== 0 && { mtu }),
      ...(allmulti !== undefined && { allmulti }),
      ...(txQLen !== undefined && { txQueueLength: txQLen }),
    };
  } catch {
    return undefined;
  }
}

/** Adds what is saved now to what an earlier ADD saved: the values from before the first ADD are the originals. */
export function mergeBackups(earlier: LinkSettings | undefined, now: LinkSettings): LinkSettings {
  return { ...now, ...earlier };
}
