import { fstatSync, openSync } from "node:fs";
import { Failure } from "../errors/failure.ts";
import { type About, aboutOf } from "../executable/about.ts";
import { stampState } from "../executable/stamp.ts";
import { attempt } from "./attempt.ts";

/** The running executable: its open file, also when that has no name any more. */
export interface Self {
  readonly fd: number;
  readonly size: number;
  readonly about: About;
}

/**
 * Opens the file that this process runs.
 *
 * @param path another file to take for it, for tests.
 * @throws Failure when that is no executable of ours, or not whole.
 */
export function openSelf(path = "/proc/self/exe"): Self {
  const fd = attempt("cannot read the running executable", "/proc must be mounted", () =>
    openSync(path, "r"),
  );
  const { size } = fstatSync(fd);
  const about = aboutOf(fd, size);
  const stamp = stampState(fd, size);
  if (about === undefined || stamp === undefined) {
    throw new Failure("unusable", `${process.execPath} is no executable of these plugins`, {
      advice: "only executables as `npm run build` makes them can be installed",
    });
  }
  if (stamp === "damaged") {
    throw new Failure("unusable", `${process.execPath} is damaged: its stamp does not fit its content`, {
      advice: "fetch it again, and compare its checksum",
    });
  }
  return { fd, size, about };
}
