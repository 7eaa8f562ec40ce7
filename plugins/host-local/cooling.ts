import { readdirSync, readlinkSync, symlinkSync, unlinkSync } from "node:fs";
import { join } from "node:path";
import { nodeErrno } from "../../shared/errors/system-error.ts";
import { makeDirectory } from "../../shared/linux/make-directory.ts";
import { readBootId, readUptime } from "./boot.ts";
import type { StoreSettings } from "./config.ts";

/** A moment by a clock that nobody sets. */
interface Moment {
  readonly bootId: string;
  /** Seconds since then. */
  readonly uptime: number;
}

function now(): Moment {
  return { bootId: readBootId() ?? "unknown", uptime: readUptime() };
}

export function formatMoment({ bootId, uptime }: Moment): string {
  return `${bootId} ${uptime}`;
}

/**
 * How many seconds an address still has to rest; 0 when it may be given out.
 *
 * @param mark text of the moment in which it was released. In an earlier boot: it rests from the start of this one, in
 *   which nobody can tell how long the machine was off.
 */
export function restOf(mark: string, cooldownSeconds: number, { bootId, uptime }: Moment): number {
  const [markedBoot, markedUptime = ""] = mark.split(" ");
  const released = markedBoot === bootId ? Number.parseFloat(markedUptime) || 0 : 0;
  return Math.min(Math.max(cooldownSeconds - (uptime - released), 0), cooldownSeconds);
}

/** The addresses of a network that were released a short time ago. A mark that cannot be written is no failure. */
export class Cooling {
  readonly #directory: string;
  readonly #seconds: number;
  readonly #now: () => Moment;
  /** The shortest rest of those that were asked for and had one. */
  shortestRest: number | undefined;

  constructor(settings: StoreSettings, clock: () => Moment = now) {
    this.#directory = join(settings.sideDirectory, "cooling");
    this.#seconds = settings.cooldownSeconds;
    let moment: Moment | undefined;
    this.#now = () => {
      moment ??= clock();
      return moment;
    };
  }

  /** Marks an address that is about to be released: as a symbolic link, which is made by one system call. */
  mark(name: string): void {
    if (this.#seconds === 0) return;
    const text = formatMoment(this.#now());
    const path = join(this.#directory, name);
    try {
      makeDirectory(this.#directory, 0o700);
      this.#forget(path);
      symlinkSync(text, path);
    } catch (error) {
      if (nodeErrno(error) === undefined) throw error;
    }
  }

  /** Seconds that an address has to rest, 0 for none. Removes marks that are of no meaning any more. */
  rest(name: string): number {
    if (this.#seconds === 0) return 0;
    const path = join(this.#directory, name);
    let mark: string;
    try {
      mark = readlinkSync(path);
    } catch {
      return 0;
    }
    const rest = restOf(mark, this.#seconds, this.#now());
    if (rest === 0) this.#forget(path);
    else this.shortestRest = Math.min(rest, this.shortestRest ?? rest);
    return rest;
  }

  /** The addresses that rest; marks of others are removed. */
  resting(): string[] {
    try {
      const names = readdirSync(this.#directory);
      if (this.#seconds > 0) return names.filter((name) => this.rest(name) > 0);
      for (const name of names) this.#forget(join(this.#directory, name));
    } catch (error) {
      if (nodeErrno(error) === undefined) throw error;
    }
    return [];
  }

  #forget(path: string): void {
    try {
      unlinkSync(path);
    } catch (error) {
      if (nodeErrno(error) === undefined) throw error;
    }
  }
}
