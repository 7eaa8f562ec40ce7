import { Failure } from "../errors/failure.ts";

/**
 * The words of a rule, in the form and order in which `iptables-save` prints them after `-A CHAIN`, without quotes:
 * `["-s", "10.0.0.2/32", "-m", "comment", "--comment", "dnat name: \"n\"", "-j", "CNI-x"]`.
 */
export type Rule = readonly string[];

/**
 * Splits what `iptables-save` prints into words. Its quoting is that of iptables-restore (iptables/xshared.c): white
 * space separates, double quotes hold words together, a backslash counts only inside them and protects the next
 * character.
 */
export function splitRule(text: string): Rule {
  return /[\\\t\n]/.test(text) ? splitSlowly(text) : splitPlain(text);
}

/** For text without backslashes, which nearly all lines are: ten times as fast, and a busy host has thousands. */
function splitPlain(text: string): Rule {
  const words: string[] = [];
  // The word that is not yet at its end; undefined between words.
  let open: string | undefined;
  for (const [index, part] of text.split('"').entries()) {
    if (index % 2 === 1) {
      open = (open ?? "") + part;
      continue;
    }
    const [first = "", ...rest] = part.split(" ");
    if (first !== "") open = (open ?? "") + first;
    for (const word of rest) {
      if (open !== undefined) words.push(open);
      open = word === "" ? undefined : word;
    }
  }
  if (open !== undefined) words.push(open);
  return words;
}

function splitSlowly(text: string): Rule {
  const words: string[] = [];
  let open: string | undefined;
  for (const [, quoted, plain] of text.matchAll(
    /"((?:[^"\\]|\\[\s\S]|\\$)*)(?:"|$)|([^ \t\n"]+)|[ \t\n]+/g,
  )) {
    if (quoted !== undefined) open = (open ?? "") + quoted.replace(/\\([\s\S])/g, "$1");
    else if (plain !== undefined) open = (open ?? "") + plain;
    else {
      if (open !== undefined) words.push(open);
      open = undefined;
    }
  }
  if (open !== undefined) words.push(open);
  return words;
}

const bareWord = /^[A-Za-z0-9_.,:;/!@%+=*[\]-]+$/;

/**
 * Writes a rule as iptables-restore reads it.
 *
 * @throws Failure `invalid` when a word holds a control character: a newline would start another command.
 */
export function joinRule(rule: Rule): string {
  return rule.map(quoteWord).join(" ");
}

/** One word as iptables-restore reads it. Throws Failure `invalid` when it holds a control character. */
export function quoteWord(word: string): string {
  if (bareWord.test(word)) return word;
  if (hasControlCharacter(word)) {
    throw new Failure("invalid", `control character in iptables argument ${JSON.stringify(word)}`);
  }
  return `"${word.replaceAll(/["\\]/g, "\\$&")}"`;
}

/** True when the text holds a character that cannot be part of one line of text. */
export function hasControlCharacter(text: string): boolean {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for.
  return /[\u0000-\u001f\u007f\u0085\u2028\u2029]/.test(text);
}

/** True when both rules have the same words in the same order. */
export function sameRule(a: Rule, b: Rule): boolean {
  return a.length === b.length && a.every((word, index) => word === b[index]);
}

/** A text that two rules share only if they have the same words in the same order. */
export function ruleKey(rule: Rule): string {
  return rule.join("\0");
}

/** The chain or target that a rule hands packets to; undefined when it has none. */
export function targetOf(rule: Rule): string | undefined {
  const index = rule.findLastIndex((word) => word === "-j" || word === "-g");
  return index === -1 ? undefined : rule[index + 1];
}

/** The text of a rule's comment; undefined when it has none. */
export function commentOf(rule: Rule): string | undefined {
  const index = rule.indexOf("--comment");
  return index === -1 ? undefined : rule[index + 1];
}
