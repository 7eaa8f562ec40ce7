import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { type Part, parts } from "./parts.ts";
import { runParts } from "./run-parts.ts";

const part = (name: string, ...needs: string[]): Part => ({ name, needs, niceness: 0 });

/** What happened in turn: `+x` when x began, `-x` when it ended, `!x` when it was left out. */
async function happened(all: readonly Part[], failing: readonly string[] = []) {
  const events: string[] = [];
  const outcomes = await runParts<{ name: string; status: number | undefined }>(
    all,
    async ({ name }) => {
      events.push(`+${name}`);
      await turn();
      events.push(`-${name}`);
      return { name, status: failing.includes(name) ? 1 : 0 };
    },
    ({ name }) => {
      events.push(`!${name}`);
      return { name, status: undefined };
    },
  );
  return { events, outcomes };
}

test("parts run beside each other, but for those that need one that runs", async () => {
  const { events, outcomes } = await happened([part("a"), part("b"), part("c", "a", "b"), part("d", "c")]);
  assert.deepEqual(events, ["+a", "+b", "-a", "-b", "+c", "-c", "+d", "-d"]);
  assert.deepEqual(
    outcomes.map(({ name, status }) => `${name} ${status}`),
    ["a 0", "b 0", "c 0", "d 0"],
  );
});

test("what needs a part that failed is left out, and so is what needs that; the others run", async () => {
  const all = [part("a"), part("b"), part("c", "a"), part("d", "c"), part("e", "b")];
  const { events } = await happened(all, ["a"]);
  assert.deepEqual(events.sort(), ["!c", "!d", "+a", "+b", "+e", "-a", "-b", "-e"]);
});

test("a part that nobody knows is a mistake", async () => {
  await assert.rejects(happened([part("a", "b"), part("b")]), /no part b before/);
});

test("the parts of npm test are npm scripts, and come after what they need", async () => {
  const manifest: { scripts: Record<string, string> } = JSON.parse(
    readFileSync(join(import.meta.dirname, "../../package.json"), "utf8"),
  );
  for (const { name } of parts) assert.ok(name in manifest.scripts, name);
  const { outcomes } = await happened(parts);
  assert.equal(outcomes.length, parts.length);
});
