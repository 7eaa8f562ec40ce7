import { bridgeMutants } from "./bridge-mutants.ts";
import { chainedMutants } from "./chained-mutants.ts";
import { hostLocalMutants } from "./host-local-mutants.ts";
import type { Mutant } from "./mutation.ts";
import { protocolMutants } from "./protocol-mutants.ts";

/** Every mutant. Their number is what issue trackers call the suite's strength. */
export const mutants: readonly Mutant[] = [
  ...protocolMutants,
  ...hostLocalMutants,
  ...bridgeMutants,
  ...chainedMutants,
];
