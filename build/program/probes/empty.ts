/** A program with nothing in it: what starting and ending a packaged executable takes at the least. */
import { atStart } from "../../../shared/executable/at-start.ts";

atStart(() => process.exit(0));
