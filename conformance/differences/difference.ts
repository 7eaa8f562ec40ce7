import type { PeerRelease } from "../harness/plugins/peers.ts";

/** A difference that is meant: which, and why. */
export type Difference = {
  /** What the scenario's ID must match, from its start. */
  scenarios: RegExp;
  aspects: RegExp;
  /** What the text of the difference must match, when not every difference of these scenarios is meant. */
  text?: RegExp;
  reason: string;
  /** The clause or thread that justifies it. */
  source: string;
  /** It does not show in every run, for example since it depends on timing. */
  sometimes?: true;
  /** The one release of the Go plugins beside which it shows. Default: all of them. */
  only?: PeerRelease;
};
