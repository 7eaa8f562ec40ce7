import type { Section } from "./rows.ts";

export const sections: readonly Section[] = ["start", "sizes", "plugins", "chains", "parallel", "cold"];

export type Options = {
  sections: readonly Section[];
  /** Only workloads with this in `name backend`. */
  only: string;
  /** Undefined: what each section takes by itself. */
  runs?: number;
  attachments?: readonly number[];
  json: string;
  svg: string;
};

const usage = `usage: npm run bench -- [${sections.join("|")}]… [--only TEXT] [--runs N]
       [--attachments 0,100,…] [--json FILE] [--svg FILE]`;

/** The options in the words of a command line; throws with what is wrong and the usage. */
export function parseOptions(words: readonly string[], folder: string): Options {
  const chosen: Section[] = [];
  const options: Options = { sections, only: "", json: `${folder}/bench.json`, svg: `${folder}/bench.svg` };
  const rest = [...words];
  for (let word = rest.shift(); word !== undefined; word = rest.shift()) {
    const section = sections.find((name) => name === word);
    if (section !== undefined) chosen.push(section);
    else if (word === "--only") options.only = value(word, rest);
    else if (word === "--json") options.json = value(word, rest);
    else if (word === "--svg") options.svg = value(word, rest);
    else if (word === "--runs") options.runs = number(word, value(word, rest), 1);
    else if (word === "--attachments") {
      const sizes = value(word, rest).split(",");
      options.attachments = sizes.map((text) => number(word, text, 0)).sort((a, b) => a - b);
    } else throw new Error(`unknown word ${word}\n${usage}`);
  }
  if (chosen.length > 0) options.sections = sections.filter((section) => chosen.includes(section));
  return options;
}

function value(name: string, rest: string[]): string {
  const word = rest.shift();
  if (word === undefined) throw new Error(`${name} needs a value\n${usage}`);
  return word;
}

/** The bridge takes 1,023 ports, and the measured containers need some. */
const mostAttachments = 1000;

function number(name: string, text: string, least: number): number {
  const most = name === "--attachments" ? mostAttachments : Number.MAX_SAFE_INTEGER;
  const result = Number(text);
  if (/^\d+$/.test(text) && result >= least && result <= most) return result;
  throw new Error(`${name}: ${JSON.stringify(text)} is no number from ${least} to ${most}\n${usage}`);
}
