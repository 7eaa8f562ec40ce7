import type { Suite } from "../../scenario/scenario.ts";
import { settings } from "./settings.ts";
import { sysctls } from "./sysctls.ts";

/** What tuning promises, behind a plugin that made an interface. */
export const tuning: Suite = { name: "tuning", scenarios: [...settings, ...sysctls] };
