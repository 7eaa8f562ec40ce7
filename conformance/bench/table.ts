/** Tables for people: columns as wide as they need to be, numbers to the right. */

export type Cell = string | number | undefined;

/** The lines of a table with a heading; a column whose cells below the heading are all numbers is right-aligned. */
export function table(headings: readonly string[], rows: readonly (readonly Cell[])[]): string {
  const texts = rows.map((row) => headings.map((_, index) => cellText(row[index])));
  const widths = headings.map((heading, index) =>
    Math.max(heading.length, ...texts.map((row) => row[index]?.length ?? 0)),
  );
  const isNumeric = headings.map((_, index) =>
    texts.every((row) => /^(-|[\d.,×%]*)$/.test(row[index] ?? "")),
  );
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, index) => {
        const width = widths[index] ?? 0;
        return isNumeric[index] === true ? cell.padStart(width) : cell.padEnd(width);
      })
      .join("  ")
      .trimEnd();
  return [line(headings), widths.map((width) => "─".repeat(width)).join("  "), ...texts.map(line)].join("\n");
}

/** Milliseconds, or another number, with as many digits as tell something: 0.95, 8.12, 80.1, 239. */
export function digits(value: number): string {
  if (!Number.isFinite(value)) return "-";
  return value.toFixed(value < 10 ? 2 : value < 100 ? 1 : 0);
}

function cellText(cell: Cell): string {
  if (cell === undefined) return "-";
  return typeof cell === "number" ? digits(cell) : cell;
}
