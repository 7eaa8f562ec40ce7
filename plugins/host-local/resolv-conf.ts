import { withContext } from "../../shared/cni/errors/as-cni-error.ts";
import { CniError, ErrorCode } from "../../shared/cni/errors/cni-error.ts";
import type { Dns } from "../../shared/cni/result.ts";
import { asSystemError } from "../../shared/errors/system-error.ts";
import { readSmallFile } from "../../shared/linux/small-file.ts";
import { splitWords } from "./white-space.ts";

/** The Go plugin reads lines of up to this many bytes. */
const lineLimit = 65535;

/**
 * The DNS settings of a resolv.conf(5) file. As in the Go plugin, `search` and `options` add up over lines (libc uses
 * the last one), addresses are not checked, and a comment behind a value is taken as values.
 *
 * @throws CniError code 7 when a line is too long.
 */
export function parseResolvConf(text: string): Dns {
  const nameservers: string[] = [];
  const search: string[] = [];
  const options: string[] = [];
  let domain: string | undefined;
  for (const line of text.split("\n")) {
    if (Buffer.byteLength(line) > lineLimit) {
      throw new CniError(
        ErrorCode.invalidConfig,
        "token too long: a line of resolvConf has 65536 bytes or more",
        "resolvConf must name a file in the form of /etc/resolv.conf",
      );
    }
    const [keyword = "", value, ...more] = splitWords(line);
    // Comments start with # or ;, which no keyword does.
    if (value === undefined) continue;
    if (keyword === "nameserver") nameservers.push(value);
    else if (keyword === "domain") domain = value;
    else if (keyword === "search") search.push(value, ...more);
    else if (keyword === "options") options.push(value, ...more);
  }
  return { nameservers, ...(domain === undefined ? {} : { domain }), search, options };
}

/** Reads and parses a file like /etc/resolv.conf. Throws CniError when it cannot be read. */
export function readResolvConf(path: string): Dns {
  return parseResolvConf(readText(path));
}

function readText(path: string): string {
  try {
    return readSmallFile(path);
  } catch (error) {
    const failure = asSystemError(`cannot read resolvConf ${path}`, error);
    throw error === failure ? withContext("cannot read resolvConf", error) : failure;
  }
}
