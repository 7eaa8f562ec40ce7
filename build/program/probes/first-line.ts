/** All of the bridge plugin's program, which ends at its first line. */
import { plugin } from "../../../plugins/bridge/plugin.ts";
import { answerCall } from "../../../shared/cni/run-plugin.ts";
import { atStart } from "../../../shared/executable/at-start.ts";

atStart(() => (Date.now() > 0 ? process.exit(0) : answerCall(plugin)));
