import { bridge } from "./bridge.ts";
import { concurrency } from "./concurrency.ts";
import type { Difference } from "./difference.ts";
import { faults } from "./faults.ts";
import { firewall } from "./firewall.ts";
import { hostLocal } from "./host-local.ts";
import { idempotence } from "./idempotence.ts";
import { loopback } from "./loopback.ts";
import { portmap } from "./portmap.ts";
import { protocol } from "./protocol.ts";
import { tuning } from "./tuning.ts";

/**
 * Where these plugins differ from the Go plugins v1.10.0 and v1.9.1 on purpose, each with its reason and what justifies it.
 * `--against` fails for what is different and not here, and, when all scenarios are run, for what is here and not
 * different any more.
 */
export const differences: readonly Difference[] = [
  ...loopback,
  ...bridge,
  ...hostLocal,
  ...portmap,
  ...firewall,
  ...tuning,
  ...idempotence,
  ...protocol,
  ...concurrency,
  ...faults,
];
