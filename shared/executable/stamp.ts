import { accessSync, closeSync, constants, fstatSync, openSync, readSync } from "node:fs";
import { fnv1a } from "../basics/fnv1a.ts";

/**
 * The last bytes of every executable of ours: a line of text that says what the file was built from, how long it is,
 * and the checksum of samples of it. ELF has no use for what lies behind the sections, so nothing else minds it.
 */
interface Stamp {
  /** SHA-256, as hex digits, of everything that decides what the executable does. */
  readonly identity: string;
  /** Bytes of the file, stamp included. */
  readonly size: number;
  readonly samples: string;
}

export const stampLength = 128;

/** The text of a stamp, `stampLength` characters of ASCII. */
export function formatStamp({ identity, size, samples }: Stamp): string {
  return `\ncni-plugins-ts stamp 1 ${identity} ${size} ${samples}`.padEnd(stampLength - 1).concat("\n");
}

const sampleLength = 64;
const sampleCount = 16;

/**
 * Checksum (FNV-1a, 8 hex digits) of samples spread over a file: what has been overwritten in part, or lost blocks in
 * a power cut, keeps its length and its end. (To read all of 105 MB would take longer than to run it: single bytes that
 * somebody changes in place, and puts nothing in or out, are not noticed.)
 *
 * @param length how many bytes there are to take samples of, `sampleLength` or more.
 */
export function checkSamples(fd: number, length: number): string {
  const samples = Buffer.alloc(sampleCount * sampleLength);
  for (let index = 0; index < sampleCount; index++) {
    const position = Math.floor(((length - sampleLength) * index) / (sampleCount - 1));
    readSync(fd, samples, index * sampleLength, sampleLength, position);
  }
  return fnv1a(samples);
}

/**
 * True when a file is an intact executable of exactly this build, and this process may run it without gaining or losing
 * rights. False even if that is unknown. Takes about 0.1 ms.
 */
export function wouldRun(path: string, identity: string): boolean {
  // Set-user-ID or capabilities of the file (capabilities(7)) may give others than root something.
  if (process.geteuid?.() !== 0) return false;
  try {
    // Sees a mount with noexec as well.
    accessSync(path, constants.X_OK);
    const fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      return isStamped(fd, identity);
    } finally {
      closeSync(fd);
    }
  } catch {
    return false;
  }
}

/** Whether a file of this length has a stamp as its end, and if so whether that fits all the rest. */
export function stampState(fd: number, size: number): "intact" | "damaged" | undefined {
  const content = size - stampLength;
  if (content < sampleLength) return undefined;
  const end = Buffer.alloc(stampLength);
  readSync(fd, end, 0, stampLength, content);
  const text = end.toString("latin1");
  const [, identity] = /^\ncni-plugins-ts stamp 1 ([\da-f]{64}) /.exec(text) ?? [];
  if (identity === undefined) return undefined;
  const expected = formatStamp({ identity, size, samples: checkSamples(fd, content) });
  return text === expected ? "intact" : "damaged";
}

const setIds = 0o6000;

function isStamped(fd: number, identity: string): boolean {
  const stat = fstatSync(fd);
  const { size } = stat;
  const content = size - stampLength;
  if (!stat.isFile() || (stat.mode & setIds) !== 0 || content < sampleLength) return false;
  const end = Buffer.alloc(stampLength);
  readSync(fd, end, 0, stampLength, content);
  const text = end.toString("latin1");
  if (!text.startsWith(`\ncni-plugins-ts stamp 1 ${identity} ${size} `)) return false;
  return text === formatStamp({ identity, size, samples: checkSamples(fd, content) });
}
