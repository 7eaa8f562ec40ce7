import { counts, type Row } from "./row.ts";

/** A report for machines, in the format that a file's name asks for: `.xml` (JUnit), `.json` or `.tap`. */
export function reportText(file: string, rows: readonly Row[], about: { binDir: string }): string {
  if (file.endsWith(".xml")) return junitXml(rows);
  if (file.endsWith(".tap")) return tapText(rows);
  if (file.endsWith(".json")) return jsonText(rows, about);
  throw new Error(`--report ${file}: its name must end in .xml (JUnit), .json or .tap`);
}

/** JUnit's XML: a test suite for each suite, a test case for each scenario and version. */
function junitXml(rows: readonly Row[]): string {
  const suites = [...Map.groupBy(rows, ({ suite }) => suite)].map(([suite, own]) => {
    const { failed, unsupported } = counts(own);
    const seconds = own.reduce((sum, row) => sum + (row.outcome?.seconds ?? 0), 0);
    const attributes = `name="${escaped(suite)}" tests="${own.length}" failures="${failed}" skipped="${unsupported}" time="${seconds.toFixed(3)}"`;
    return `  <testsuite ${attributes}>\n${own.map(testCase).join("")}  </testsuite>\n`;
  });
  const { failed, unsupported } = counts(rows);
  const total = `tests="${rows.length}" failures="${failed}" skipped="${unsupported}"`;
  return `<?xml version="1.0" encoding="UTF-8"?>\n<testsuites ${total}>\n${suites.join("")}</testsuites>\n`;
}

function testCase(row: Row): string {
  const seconds = (row.outcome?.seconds ?? 0).toFixed(3);
  const open = `    <testcase classname="${escaped(row.plugin)}" name="${escaped(row.id)}" time="${seconds}"`;
  if (row.status === "pass") return `${open}/>\n`;
  const reason = escaped(row.reason ?? "");
  if (row.status === "not supported") return `${open}><skipped message="${reason}"/></testcase>\n`;
  const [first = ""] = (row.reason ?? "").split("\n");
  const text = escaped([row.reason ?? "", "", ...(row.outcome?.byHand ?? [])].join("\n"));
  return `${open}><failure message="${escaped(first)}">${text}</failure></testcase>\n`;
}

/** The Test Anything Protocol, version 14. */
export function tapText(rows: readonly Row[]): string {
  const lines = rows.flatMap((row, index) => {
    const name = row.id.replace(/[\\#]/g, "\\$&");
    const ok = row.status === "fail" ? "not ok" : "ok";
    const skip = row.status === "not supported" ? ` # SKIP ${oneLine(row.reason)}` : "";
    const first = `${ok} ${index + 1} - ${name}${skip}`;
    if (row.status !== "fail") return [first];
    const repeat = (row.outcome?.byHand ?? []).map((text) => `    ${text.replaceAll("\n", "\n    ")}`);
    return [
      first,
      "  ---",
      `  message: ${JSON.stringify(row.reason ?? "")}`,
      `  source: ${JSON.stringify(row.source)}`,
      "  by_hand: |",
      ...repeat,
      "  ...",
    ];
  });
  return `${["TAP version 14", `1..${rows.length}`, ...lines].join("\n")}\n`;
}

/** Everything, for programs. */
function jsonText(rows: readonly Row[], about: { binDir: string }): string {
  const scenarios = rows.map(({ outcome, ...row }) => ({
    ...row,
    ...(outcome !== undefined && {
      seconds: outcome.seconds,
      command: outcome.command,
      calls: outcome.calls,
      byHand: outcome.byHand,
    }),
  }));
  return `${JSON.stringify({ ...about, counts: counts(rows), scenarios }, null, 2)}\n`;
}

/** Text as XML 1.0 can hold it: control characters that it cannot are shown as `\uNNNN`. */
function escaped(text: string): string {
  const entities: Record<string, string> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };
  return text
    .replace(/[&<>"]/g, (character) => entities[character] ?? character)
    .replace(/\n/g, "&#10;")
    .replace(
      /\p{Cc}|\uFFFE|\uFFFF/gu,
      (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
    );
}

function oneLine(text = ""): string {
  return text.replaceAll("\n", " ");
}
