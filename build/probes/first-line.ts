/** All of the bridge plugin's program, which ends at its first line. */
import "./end.ts";
import "../../plugins/bridge/main.ts";
