import assert from "node:assert/strict";
import { test } from "node:test";
import { CniError } from "./errors/cni-error.ts";
import { runAll, withUndo } from "./undo-stack.ts";

test("nothing is undone after success", () => {
  const undone: number[] = [];
  const value = withUndo((undo) => {
    undo.push(() => undone.push(1));
    return "done";
  });
  assert.equal(value, "done");
  assert.deepEqual(undone, []);
});

test("undoes in reverse order, all of it, and tells the first cause and what stayed", () => {
  const undone: number[] = [];
  const work = () =>
    withUndo((undo) => {
      undo.push(() => undone.push(1));
      undo.push(() => {
        throw new Error("bridge is busy");
      });
      undo.push(() => undone.push(3));
      throw new CniError(104, "no address left", "enlarge the range");
    });
  assert.throws(work, {
    code: 104,
    message: "no address left",
    details: "enlarge the range; not undone: bridge is busy",
  });
  assert.deepEqual(undone, [3, 1]);
});

test("the error stays the same when everything could be undone", () => {
  const cause = new CniError(100, "x");
  assert.throws(
    () =>
      withUndo((undo) => {
        undo.push(() => {});
        throw cause;
      }),
    (error) => error === cause,
  );
});

test("runAll goes on after failures and throws the first", () => {
  const done: number[] = [];
  const step = (number: number, fails: boolean) => () => {
    done.push(number);
    if (fails) throw new Error(`step ${number}`);
  };
  assert.throws(() => runAll([step(1, false), step(2, true), step(3, true), step(4, false)]), {
    message: "step 2",
  });
  assert.deepEqual(done, [1, 2, 3, 4]);
});
