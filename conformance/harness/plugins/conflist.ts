import { readdirSync, readFileSync } from "node:fs";
import { type JsonObject, objectList, parseObject } from "../host/json.ts";

/** A network configuration file: a list of plugins, or (spec 0.2.0 and older) one plugin, read as a list of one. */
export type Conflist = {
  /** The file's name in fixtures/conflists. */
  file: string;
  text: string;
  name: string;
  cniVersion: string;
  plugins: JsonObject[];
  /** The bridge that the first plugin uses. */
  bridge: string;
  /** Where its host-local keeps leases. */
  dataDir: string;
};

const folder = new URL("../../fixtures/conflists/", import.meta.url);

/** The names of the files in fixtures/conflists, sorted. */
export function conflistFiles(): string[] {
  return readdirSync(folder).sort();
}

/** Reads one of the files in fixtures/conflists. */
export function readConflist(file: string): Conflist {
  return parseConflist(file, readFileSync(new URL(file, folder), "utf8"));
}

/** Reads the text of a network configuration file. */
export function parseConflist(file: string, text: string): Conflist {
  const json = parseObject(text);
  const plugins = "plugins" in json ? objectList(json["plugins"]) : [json];
  const [first = {}] = plugins;
  const ipam = parseObject(JSON.stringify(first["ipam"] ?? {}));
  return {
    file,
    text,
    name: String(json["name"]),
    cniVersion: String(json["cniVersion"]),
    plugins,
    bridge: String(first["bridge"] ?? "cni0"),
    dataDir: String(ipam["dataDir"] ?? "/var/lib/cni/networks"),
  };
}

/** Whether a spec version is at least another; both are `X.Y.Z`. */
export function atLeast(version: string, minimum: string): boolean {
  return version.localeCompare(minimum, "en", { numeric: true }) >= 0;
}
