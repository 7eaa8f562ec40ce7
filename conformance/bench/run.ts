/**
 * `npm run bench -- WORDS`: with the name of a subject of growth/ measures that one; otherwise compares the speed of our
 * plugins with that of the Go ones (speed.ts).
 */
import { measureGrowth, subjects } from "./growth/growth.ts";
import { speed } from "./speed.ts";

const words = process.argv.slice(2);
const subject = subjects[words[0] ?? ""];

if (subject !== undefined) await measureGrowth(subject);
else {
  try {
    if (!(await speed(words))) process.exitCode = 1;
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    const names = Object.keys(subjects).join("|");
    console.error(`for one plugin and thousands of attachments: npm run bench -- ${names}`);
    process.exitCode = 2;
  }
}
