import type { Suite } from "../scenario/scenario.ts";
import { badInput } from "./bad-input/suite.ts";
import { bridge } from "./bridge/suite.ts";
import { chains } from "./chains/suite.ts";
import { concurrency } from "./concurrency/suite.ts";
import { dualStack } from "./dual-stack/suite.ts";
import { faults } from "./faults/suite.ts";
import { firewall } from "./firewall/suite.ts";
import { hostLocal } from "./host-local/suite.ts";
import { idempotence } from "./idempotence/suite.ts";
import { loopback } from "./loopback/suite.ts";
import { portmap } from "./portmap/suite.ts";
import { protocol } from "./protocol/suite.ts";
import { tuning } from "./tuning/suite.ts";

/** Every suite, in the order in which they are run and reported. */
export const suites: readonly Suite[] = [
  protocol,
  badInput,
  loopback,
  hostLocal,
  tuning,
  idempotence,
  bridge,
  ...portmap,
  ...firewall,
  dualStack,
  chains,
  concurrency,
  ...faults,
];
