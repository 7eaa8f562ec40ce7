import { hasControlCharacter } from "./control-character.ts";

/** linux/if.h, IFNAMSIZ, without the zero byte. */
const maxBytes = 15;

/**
 * Why the kernel would not make a link of exactly this name, or nobody could write a rule about it, in a few words;
 * undefined when it is a good name.
 *
 * Source: net/core/dev.c, `dev_valid_name`; it looks at bytes, and takes 0xa0 for white space.
 */
export function interfaceNameProblem(name: string): string | undefined {
  const bytes = Buffer.from(name);
  if (bytes.length === 0) return "it is empty";
  if (bytes.length > maxBytes) return `it has more than ${maxBytes} bytes`;
  if (name === "." || name === "..") return "it is . or ..";
  if (/[/:]/.test(name)) return "it holds / or :";
  if (/[\t-\r ]/.test(name) || bytes.includes(0xa0)) return "it holds what the kernel takes for white space";
  if (name.includes("%")) return "it holds %, in place of which the kernel puts a number";
  if (hasControlCharacter(name) || /[\u2028\u2029]/.test(name)) return "it holds a control character";
  if (name.includes("\ufffd")) return "it is not UTF-8";
  return undefined;
}
