import { runUnknownName } from "../../shared/cni/run-plugin.ts";

/** What an executable with several plugins is by a name that is none of theirs. */
runUnknownName();
