import type { Plugin } from "../../shared/cni/plugin.ts";
import { allVersions } from "../../shared/cni/versions.ts";
import { add } from "./add.ts";
import { check } from "./check.ts";
import { decodeConfig, decodeDataDir, decodeSettings } from "./config.ts";
import { del } from "./del.ts";
import { gc } from "./gc.ts";
import { status } from "./status.ts";

export const plugin: Plugin = {
  name: "tuning",
  versions: allVersions,
  add: (request) => add(request, decodeConfig(request)),
  del: (request) => del(request, decodeDataDir(request)),
  check: (request) => check(request, decodeSettings(request)),
  gc: (request, valid) => gc(request, valid, decodeDataDir(request)),
  status: (request) => status(decodeConfig(request)),
};
