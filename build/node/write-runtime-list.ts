/** `npm run runtime-list`: writes shared/runtime/README.md anew. */
import { writeFileSync } from "node:fs";
import { runtimeList, runtimeListFile } from "./runtime-list.ts";

writeFileSync(runtimeListFile, runtimeList());
