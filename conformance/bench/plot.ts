/** Drawing lines as SVG, without a library: one panel for each title, all of one size, three in a row. */

type Point = { x: number; y: number; low: number; high: number };
type Line = { label: string; color: string; dashed: boolean; points: readonly Point[] };
export type Panel = { title: string; lines: readonly Line[] };

const panelWidth = 360;
const panelHeight = 240;
const perRow = 3;
/** The heading and the legend need this. */
const headingWidth = 520;
const margin = { left: 48, right: 20, top: 34, bottom: 34 };

/** An SVG document: `y` in milliseconds over `x` attachments, with the quartiles as a band. */
export function plot(heading: string, panels: readonly Panel[]): string {
  const headingHeight = 56;
  const width = Math.max(headingWidth, panelWidth * Math.min(perRow, panels.length));
  const height = headingHeight + panelHeight * Math.ceil(panels.length / perRow);
  const drawn = panels.map((one, index) => {
    const x = (index % perRow) * panelWidth;
    const y = headingHeight + Math.floor(index / perRow) * panelHeight;
    return `<g transform="translate(${x} ${y})">${panel(one)}</g>`;
  });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}"`,
    ` font-family="sans-serif" font-size="11">`,
    `<rect width="${width}" height="${height}" fill="white"/>`,
    text(12, 20, heading, 'font-size="14" font-weight="bold"'),
    legend(panels[0]?.lines ?? []),
    ...drawn,
    "</svg>\n",
  ].join("\n");
}

function legend(lines: readonly Line[]): string {
  return lines
    .map((line, index) => {
      const x = 12 + index * 120;
      const stroke = strokeOf(line);
      return `<path d="M${x} 38h24" ${stroke}/>${text(x + 30, 42, line.label)}`;
    })
    .join("");
}

function panel({ title, lines }: Panel): string {
  const points = lines.flatMap((line) => line.points);
  const most = {
    x: Math.max(1, ...points.map(({ x }) => x)),
    y: ceiling(Math.max(0, ...points.map(({ high }) => high))),
  };
  const right = panelWidth - margin.right;
  const bottom = panelHeight - margin.bottom;
  const place = (x: number, y: number): string => {
    const left = margin.left + (x / most.x) * (right - margin.left);
    const top = bottom - (y / most.y) * (bottom - margin.top);
    return `${left.toFixed(1)} ${top.toFixed(1)}`;
  };
  const ticks = [0, 0.25, 0.5, 0.75, 1].map((part) => {
    const y = bottom - part * (bottom - margin.top);
    const label = text(margin.left - 5, y + 4, `${part * most.y}`, 'text-anchor="end"');
    return `<path d="M${margin.left} ${y}H${right}" stroke="#ddd"/>${label}`;
  });
  const attachments = [...new Set(points.map(({ x }) => x))].map((x) => {
    const [left = ""] = place(x, 0).split(" ");
    return text(Number(left), bottom + 15, `${x}`, 'text-anchor="middle"');
  });
  const under = text(
    (margin.left + right) / 2,
    bottom + 29,
    "attachments",
    'text-anchor="middle" fill="#666"',
  );
  const heading = text(margin.left, 20, `${title}, ms`, 'font-weight="bold"');
  return [heading, ...ticks, ...attachments, under, ...lines.map((line) => curve(line, place))].join("");
}

function curve(line: Line, place: (x: number, y: number) => string): string {
  const { points, color } = line;
  const high = points.map(({ x, high }) => place(x, high));
  const low = points.map(({ x, low }) => place(x, low)).reverse();
  const band = `<polygon points="${[...high, ...low].join(" ")}" fill="${color}" fill-opacity="0.15"/>`;
  const path = points.map(({ x, y }, index) => `${index === 0 ? "M" : "L"}${place(x, y)}`).join("");
  const dots = points.map(({ x, y }) => {
    const [cx = "", cy = ""] = place(x, y).split(" ");
    return `<circle cx="${cx}" cy="${cy}" r="2.5" fill="${color}"/>`;
  });
  return `${band}<path d="${path}" ${strokeOf(line)}/>${dots.join("")}`;
}

function strokeOf({ color, dashed }: Line): string {
  return `fill="none" stroke="${color}" stroke-width="1.6"${dashed ? ' stroke-dasharray="5 3"' : ""}`;
}

/** The next of 1, 2, 4, 8 and their tens, so that quarters of it are read easily. */
function ceiling(value: number): number {
  const power = 10 ** Math.floor(Math.log10(Math.max(value, 1)));
  return ([1, 2, 4, 8].find((step) => step * power >= value) ?? 10) * power;
}

function text(x: number, y: number, content: string, more = ""): string {
  const escaped = content.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
  return `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" ${more}>${escaped}</text>`;
}
