import { readdirSync, readlinkSync, symlinkSync, unlinkSync } from "node:fs";
import { join } from "node:path";
import { lazy } from "../../../shared/basics/lazy.ts";
import { nodeErrno } from "../../../shared/errors/system-error.ts";
import { makeDirectory } from "../../../shared/linux/make-directory.ts";
import type { StoreSettings } from "../config.ts";
import { readBootId, readUptime } from "../index/boot.ts";

/** A moment by the clock of a boot, which nobody sets. */
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
 * The seconds that an address still has to rest; 0 when it may be given out.
 *
 * @param note text of the moment of its release. If that was in an earlier boot, the rest begins with this one, since
 *   nothing tells how long the machine was off.
 */
export function restOf(note: string, cooldownSeconds: number, { bootId, uptime }: Moment): number {
  const [noteBoot, noteUptime = ""] = note.split(" ");
  const released = noteBoot === bootId ? Number.parseFloat(noteUptime) || 0 : 0;
  return Math.min(Math.max(cooldownSeconds - (uptime - released), 0), cooldownSeconds);
}

/**
 * The addresses of a network that were released a short time ago. A note of each, a symbolic link that leads nowhere,
 * has the moment of its release as text. A note that cannot be written is no failure.
 */
export class Cooling {
  readonly #directory: string;
  readonly #seconds: number;
  readonly #now: () => Moment;
  /** The shortest rest that `rest` has returned; undefined when all were 0. */
  shortestRest: number | undefined;

  constructor(settings: StoreSettings, clock: () => Moment = now) {
    this.#directory = join(settings.sideDirectory, "cooling");
    this.#seconds = settings.cooldownSeconds;
    this.#now = lazy(clock);
  }

  /** Notes that an address is about to be released. */
  startRest(name: string): void {
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

  /** The seconds that an address still has to rest, 0 for none. Removes a note that no longer matters. */
  rest(name: string): number {
    if (this.#seconds === 0) return 0;
    const path = join(this.#directory, name);
    const note = readIfPresent(path);
    if (note === undefined) return 0;
    const rest = restOf(note, this.#seconds, this.#now());
    if (rest === 0) this.#forget(path);
    else this.shortestRest = Math.min(rest, this.shortestRest ?? rest);
    return rest;
  }

  /** The addresses that rest. Removes the notes of all others. */
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

function readIfPresent(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined;
  }
}
