import { CniError, ErrorCode } from "../../../shared/cni/errors/cni-error.ts";
import type { Request } from "../../../shared/cni/plugin.ts";
import { formatIp } from "../../../shared/ip/address.ts";
import { withEvidence } from "./evidence.ts";
import { type Holder, isHolderGone } from "./gone.ts";

/** What an ADD has found out about holders of ports: which of them are gone. */
export interface KnownHolders {
  /**
   * Runs `work`, which plans under a lock, again and again until it asks about no further holders. Whether they are gone is
   * found out in between, while the lock is free: others must not wait for it.
   */
  decide<T>(work: () => T): T;
  /**
   * Returns a function that returns whether one of these holders is gone. To be called in plans within `decide`, for all
   * holders at once.
   *
   * @throws Undecided
   */
  verdicts(holders: readonly Holder[]): (holder: Holder) => boolean;
}

/** Thrown by `verdicts` to `decide`: these holders have to be looked for. */
class Undecided extends Error {
  readonly holders: readonly Holder[];

  constructor(holders: readonly Holder[]) {
    super("holders of ports are not known to be gone or not");
    this.holders = holders;
  }
}

type Judge = (holders: readonly Holder[]) => readonly boolean[];

/**
 * Returns what is known when an ADD begins: nothing.
 *
 * @param judge decides whether holders are gone; another one only for tests.
 */
export function createHolders(newcomer: Request, judge: Judge = judgeFor(newcomer)): KnownHolders {
  const known = new Map<string, boolean>();
  return {
    decide(work) {
      for (;;) {
        try {
          return work();
        } catch (error) {
          if (!(error instanceof Undecided)) throw error;
          const verdicts = judge(error.holders);
          error.holders.forEach((holder, index) => {
            known.set(nameOf(holder), verdicts[index] ?? false);
          });
        }
      }
    },
    verdicts(holders) {
      const unknown = holders.filter((holder) => !known.has(nameOf(holder)));
      if (unknown.length > 0) throw new Undecided(unknown);
      return (holder) => known.get(nameOf(holder)) ?? false;
    },
  };
}

function judgeFor(newcomer: Request): Judge {
  return (holders) =>
    withEvidence(newcomer, (evidence) => holders.map((holder) => isHolderGone(holder, evidence)));
}

function nameOf({ words, address }: Holder): string {
  return `${words} ${address === undefined ? "" : formatIp(address)}`;
}

/** Returns the error for a port that is another container's. */
export function portTaken(
  { protocol, hostPort }: { readonly protocol: string; readonly hostPort: number },
  { words = "somebody unknown", address }: Holder,
): CniError {
  const to = address === undefined ? "" : ` (${formatIp(address)})`;
  return new CniError(
    ErrorCode.conflict,
    `host port ${hostPort}/${protocol} is already published for ${words}${to}`,
    "choose another hostPort or another hostIP for one of the two; if that container is gone, DEL it, or GC its network",
  );
}
