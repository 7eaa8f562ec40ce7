import assert from "node:assert/strict";
import { test } from "node:test";
import { plot } from "./plot.ts";

const point = (x: number, y: number) => ({ x, y, low: y - 5, high: y + 5 });

test("lines go from one point to the next, in a panel that holds the highest", () => {
  const line = { label: "Go & ADD", color: "#c00", dashed: true, points: [point(0, 20), point(1000, 35)] };
  const svg = plot("times <1>", [{ title: "nerdctl", lines: [line] }]);
  assert.match(svg, /^<svg xmlns="http:\/\/www\.w3\.org\/2000\/svg" viewBox="0 0 520 296"/);
  // 40 ms are at the top (34), 0 at the bottom (206): 20 ms lie half-way, 35 ms at an eighth.
  assert.match(
    svg,
    /<path d="M48\.0 120\.0L340\.0 55\.5" fill="none" stroke="#c00" stroke-width="1\.6" stroke-dasharray/,
  );
  assert.match(svg, /times &lt;1></);
  assert.match(svg, />Go &amp; ADD</);
  assert.match(svg, />1000<\/text>/);
});

test("panels come three in a row", () => {
  const panels = ["a", "b", "c", "d"].map((title) => ({ title, lines: [] }));
  const svg = plot("many", panels);
  assert.match(svg, /viewBox="0 0 1080 536"/);
  assert.match(svg, /<g transform="translate\(0 296\)">.*d, ms/);
});
