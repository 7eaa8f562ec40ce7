import { commandSince, isAtLeast, specVersions } from "../scenario/versions.ts";
import { counts, type Row } from "./row.ts";

const commands = ["ADD", "CHECK", "DEL", "GC", "STATUS", "VERSION"];

/** How many runs called a command or failed by it, and how many of them failed; `unsupported` when none could run. */
type Cell = { runs: number; failed: number; unsupported: number };

/**
 * Plugin × command × spec version: `✓ 12` (12 scenarios called it, and were right), `✗ 2/12`, `–` (not supported),
 * `·` (the version has no such command), and nothing where nothing was tried.
 */
export function resultTable(rows: readonly Row[]): string {
  const lines = [line("plugin", "command", specVersions)];
  for (const plugin of [...new Set(rows.map((row) => row.plugin))].sort()) {
    let label = plugin;
    for (const command of commands) {
      const cells = specVersions.map((version) => cellText(rows, plugin, command, version));
      if (cells.every((cell) => cell === "" || cell === "·")) continue;
      lines.push(line(label, command, cells));
      label = "";
    }
  }
  return lines.join("\n");
}

/** How many of the lines that repeat a failure are shown; reports have all. */
const shownLines = 15;

/** One line: `812 passed, 3 failed, 7 not supported`. */
export function summaryLine(rows: readonly Row[]): string {
  const { passed, failed, unsupported } = counts(rows);
  return `${passed} passed, ${failed} failed, ${unsupported} not supported`;
}

/** What failed, each with its reason, its source and the lines that repeat it. */
export function failureText(rows: readonly Row[]): string {
  return rows
    .filter(({ status }) => status === "fail")
    .map((row) => {
      const all = row.outcome?.byHand ?? [];
      const last = all.slice(-shownLines).map((text) => `    ${text}`);
      const before = all.length - last.length;
      const repeat = before === 0 ? last : [`    # ${before} lines before: see a --report`, ...last];
      return [
        `✗ ${row.id}`,
        `  ${(row.reason ?? "").replaceAll("\n", "\n  ")}`,
        `  says: ${row.source}`,
        "  by hand, in a host of your own (unshare --net --mount --propagation private sh, with an empty /run/netns):",
        ...repeat,
      ].join("\n");
    })
    .join("\n\n");
}

/** What could not be tried, by reason. */
export function unsupportedText(rows: readonly Row[]): string {
  const byReason = Map.groupBy(
    rows.filter(({ status }) => status === "not supported"),
    ({ reason }) => reason ?? "",
  );
  return [...byReason]
    .map(([reason, some]) => `– ${reason}: ${some.length} (${some[0]?.id}${some.length > 1 ? ", …" : ""})`)
    .join("\n");
}

function cellText(rows: readonly Row[], plugin: string, command: string, version: string): string {
  const cell: Cell = { runs: 0, failed: 0, unsupported: 0 };
  for (const row of rows) {
    if (row.plugin !== plugin || row.version !== version) continue;
    if (row.status === "not supported") cell.unsupported += 1;
    const hasFailed = row.status === "fail" && commandAtFault(row) === command;
    if (hasFailed || isCalled(row, command)) cell.runs += 1;
    if (hasFailed) cell.failed += 1;
  }
  if (cell.failed === 0 && !isAtLeast(version, commandSince(command))) return "·";
  if (cell.runs === 0) return cell.unsupported > 0 ? "–" : "";
  return cell.failed > 0 ? `✗ ${cell.failed}/${cell.runs}` : `✓ ${cell.runs}`;
}

/** Every failure is one of some command, so that none is missing in the table, also when its worker crashed. */
function commandAtFault(row: Row): string {
  return row.outcome?.command ?? commands.find((command) => isCalled(row, command)) ?? "ADD";
}

function isCalled({ outcome }: Row, command: string): boolean {
  return (outcome?.calls[command] ?? 0) > 0;
}

function line(plugin: string, command: string, cells: readonly string[]): string {
  return `${plugin.padEnd(12)}${command.padEnd(9)}${cells.map((cell) => cell.padStart(8)).join("")}`.trimEnd();
}
