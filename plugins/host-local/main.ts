import { runPlugin } from "../../shared/cni/run-plugin.ts";
import { allVersions } from "../../shared/cni/versions.ts";
import { add } from "./add.ts";
import { check } from "./check.ts";
import { storeSettings } from "./config.ts";
import { del } from "./del.ts";
import { gc } from "./gc.ts";
import { status } from "./status.ts";

runPlugin({ name: "host-local", versions: allVersions, decode: storeSettings, add, del, check, gc, status });
