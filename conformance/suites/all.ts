import type { Suite } from "../scenario/scenario.ts";
import { badInput } from "./bad-input/suite.ts";
import { bridge } from "./bridge/bridge.ts";
import { chains } from "./chains/chains.ts";
import { concurrency } from "./concurrency.ts";
import { dualStack } from "./dual-stack.ts";
import { kill } from "./faults/kill.ts";
import { resources } from "./faults/resources.ts";
import { firewallLife } from "./firewall/life.ts";
import { firewallPackets } from "./firewall/packets.ts";
import { firewallRules } from "./firewall/rules.ts";
import { hostLocal } from "./host-local.ts";
import { idempotence } from "./idempotence.ts";
import { loopback } from "./loopback.ts";
import { portmapLife } from "./portmap/life.ts";
import { portmapPackets } from "./portmap/packets.ts";
import { portmapRules } from "./portmap/rules.ts";
import { protocol } from "./protocol/suite.ts";
import { tuning } from "./tuning.ts";

/** Every suite, in the order in which they are run and reported. */
export const suites: readonly Suite[] = [
  protocol,
  badInput,
  loopback,
  hostLocal,
  tuning,
  idempotence,
  bridge,
  portmapRules,
  portmapPackets,
  portmapLife,
  firewallRules,
  firewallPackets,
  firewallLife,
  dualStack,
  chains,
  concurrency,
  resources,
  kill,
];
