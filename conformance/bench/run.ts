/**
 * `npm run bench -- WORDS`: with the name of a file *-growth.ts runs that one, which prints its numbers; otherwise
 * compares the speed of our plugins with that of the Go ones (speed.ts).
 */
import { readdirSync } from "node:fs";
import { speed } from "./speed.ts";

const growths = readdirSync(import.meta.dirname)
  .filter((file) => file.endsWith("-growth.ts"))
  .map((file) => file.slice(0, -3));
const words = process.argv.slice(2);
const [name = ""] = words;

if (growths.includes(name)) await import(`./${name}.ts`);
else {
  try {
    if (!(await speed(words))) process.exitCode = 1;
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    console.error(`for one plugin and thousands of attachments: npm run bench -- ${growths.join("|")}`);
    process.exitCode = 2;
  }
}
