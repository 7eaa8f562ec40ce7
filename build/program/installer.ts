import { runInstaller } from "../../shared/cni/run-plugin.ts";

/** What an executable is by the name of the installer, and one with several plugins by any name that is none of theirs. */
runInstaller();
