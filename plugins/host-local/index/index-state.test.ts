import assert from "node:assert/strict";
import { test } from "node:test";
import { formatState, type IndexState, parseState } from "./index-state.ts";

const state: IndexState = {
  mark: { inode: "5", modified: "1700000000123456789", changed: "1700000000123456790" },
  owners: { inode: "6", modified: "1700000000123456791", changed: "1700000000123456792" },
  bootId: "11111111-2222-4333-8444-555555555555",
  boot: "0123abcd-11111111",
  earlier: 2,
  searched: 12.5,
  sets: [
    { key: "10.0.0.1-10.0.0.6!10.0.0.1", held: 3 },
    { key: "fd00::1-fd00::9", held: 9, oldest: { name: "fd00::3", since: "2026-01-01T00:00:00.000Z" } },
  ],
};

test("a state is read as it was written, whatever a longer one has left behind it", () => {
  assert.deepEqual(parseState(formatState(state)), state);
  const shorter = { ...state, sets: [] };
  const text = formatState(shorter);
  assert.deepEqual(parseState(text + formatState(state).slice(text.length)), shorter);
});

test("what is cut, mixed from two states or of another form is not read", () => {
  const text = formatState(state);
  const other = formatState({ ...state, earlier: 3, searched: 99.5 });
  for (let length = 0; length < text.length - 1; length += 7) {
    assert.equal(parseState(text.slice(0, length)), undefined);
    const mixed = other.slice(0, length) + text.slice(length);
    if (mixed !== text && mixed !== other) assert.equal(parseState(mixed), undefined, mixed);
  }
  assert.equal(parseState(""), undefined);
  assert.equal(parseState("00000000 {}\n"), undefined);
  const incomplete = formatState({ ...state, sets: [] }).replace("earlier", "earlies");
  assert.equal(parseState(incomplete), undefined);
});

test("a state never takes more than a page: the sets used long ago are dropped", () => {
  const sets = Array.from({ length: 40 }, (_, index) => ({ key: `${"x".repeat(200)}${index}`, held: index }));
  const text = formatState({ ...state, sets });
  assert.ok(text.length <= 4096);
  assert.deepEqual(parseState(text)?.sets.at(-1), sets.at(-1));
});
