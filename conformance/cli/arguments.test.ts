import assert from "node:assert/strict";
import { test } from "node:test";
import { isWanted } from "../plan/plan.ts";
import { readArguments } from "./arguments.ts";

const read = (...argv: string[]) => readArguments(argv, "dist/bin", 4);

test("without arguments everything is run, on all processors", () => {
  const { binDir, against, filters, reports, keep, list, jobs } = read();
  assert.deepEqual(
    { binDir, against, filters, reports, keep, list, jobs },
    {
      binDir: "dist/bin",
      against: undefined,
      filters: [],
      reports: [],
      keep: false,
      list: false,
      jobs: 4,
    },
  );
});

test("filters and reports can be repeated", () => {
  const { binDir, against, filters, reports, jobs } = read(
    "--bin-dir",
    "/opt/cni/bin",
    "--against=/usr/lib/cni",
    "--filter",
    "a",
    "--filter",
    "b",
    "--report",
    "x.xml",
    "--report",
    "y.tap",
    "--jobs",
    "2",
  );
  assert.deepEqual(
    { binDir, against, filters, reports, jobs },
    {
      binDir: "/opt/cni/bin",
      against: "/usr/lib/cni",
      filters: ["a", "b"],
      reports: ["x.xml", "y.tap"],
      jobs: 2,
    },
  );
});

test("a host can only be kept one at a time", () => {
  assert.equal(read("--keep", "--jobs", "8").jobs, 1);
});

test("a host cannot be kept in the virtual machine", () => {
  assert.throws(() => read("--keep", "--kernel"), /--keep does not go with --kernel/);
  assert.ok(read("--kernel").kernel);
});

test("what the machine may lack is named; without a name anything may be", () => {
  assert.equal(read().mayLack, undefined);
  assert.deepEqual(read("--may-lack", "nothing").mayLack, []);
  assert.deepEqual(read("--may-lack", "vlan", "--may-lack=bridge nftables").mayLack, [
    "vlan",
    "bridge nftables",
  ]);
  assert.throws(() => read("--may-lack", "vlna"), /--may-lack vlna: it must be one of .*vlan/);
});

test("what there is not is refused", () => {
  for (const jobs of ["0", "-1", "1.5", "x", ""]) assert.throws(() => read(`--jobs=${jobs}`), /--jobs/);
  assert.throws(() => read("--unknown"), /unknown/);
  assert.throws(() => read("bridge"), /bridge/);
  assert.throws(() => read("--filter"), /filter/);
});

test("a filter is a part of the ID, or a regular expression between slashes", () => {
  const id = "bridge/adds (twice)@1.1.0";
  assert.ok(isWanted(id, []));
  assert.ok(isWanted(id, ["(twice)"]));
  assert.ok(isWanted(id, ["x", "bridge/"]));
  assert.ok(isWanted(id, ["/^bridge.*1\\.1\\.0$/"]));
  assert.ok(!isWanted(id, ["/^adds/"]));
  assert.ok(!isWanted(id, ["portmap"]));
});
