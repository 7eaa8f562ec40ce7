import type { Plugin } from "../../shared/cni/plugin.ts";
import { allVersions } from "../../shared/cni/versions.ts";
import { add } from "./add.ts";
import { check } from "./check.ts";
import { decodeAttached, decodeCleanUp, decodeConfig, decodeStatus } from "./config.ts";
import { del } from "./del.ts";
import { gc } from "./gc.ts";
import { status } from "./status.ts";

/** bridge has it inside as well: see shared/cni/built-in.ts. */
export const plugin: Plugin = {
  name: "host-local",
  versions: allVersions,
  add: (request) => add(request, decodeConfig(request)),
  del: (request) => del(request, decodeCleanUp(request)),
  check: (request) => check(request, decodeAttached(request)),
  gc: (request, valid) => gc(valid, decodeCleanUp(request)),
  status: (request) => status(decodeStatus(request)),
};
