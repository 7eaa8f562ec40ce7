import { runPlugin } from "../../shared/cni/run-plugin.ts";
import { plugin } from "./plugin.ts";

runPlugin(plugin);
