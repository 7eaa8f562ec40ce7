import assert from "node:assert/strict";
import { test } from "node:test";
import { parsePrefix } from "../../../shared/ip/prefix.ts";
import { masqueradedSources, sourcesChain, sourcesIn } from "./sources.ts";

test("a chain's name tells whose connections it masquerades", () => {
  for (const [address, all, name] of [
    ["10.22.0.2/24", false, "from_10.22.0.0/24"],
    ["10.22.0.2/24", true, "from_any"],
    ["10.22.0.2/0", false, "from_0.0.0.0/0"],
    ["fd00:22::2/64", false, "from_fd00_22__/64"],
  ] as const) {
    const container = parsePrefix(address);
    assert.ok(container !== undefined);
    const sources = masqueradedSources(all, container);
    assert.equal(sourcesChain(sources), name);
    assert.deepEqual(sourcesIn(name), sources);
  }
  for (const other of ["port_mark13", "from_", "from_x", "hostports"])
    assert.equal(sourcesIn(other), undefined);
});
