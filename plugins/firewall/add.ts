import type { Request } from "../../shared/cni/plugin.ts";
import { requirePrevResult } from "../../shared/cni/prev-result.ts";
import type { Result } from "../../shared/cni/result.ts";
import { type UndoStack, withUndo } from "../../shared/cni/undo-stack.ts";
import { changeRules } from "../../shared/iptables/client.ts";
import { type Family, findProgram } from "../../shared/iptables/program.ts";
import { addressesOf, families, isolationOf, ofFamily, ownerOf } from "./attachment.ts";
import type { FirewallConfig } from "./config.ts";
import { planAdd, type Wanted } from "./plan.ts";
import {
  type AddressRecord,
  listRecords,
  type Owner,
  readRecord,
  recordDirectory,
  removeRecord,
  sameOwner,
  writeRecord,
} from "./records.ts";
import { planUndo, type StillNeeded } from "./undo.ts";

/** Lets the traffic of the attachment's addresses pass, and keeps its bridge apart as the policy says. */
export function add(request: Request, config: FirewallConfig): Result {
  const result = requirePrevResult(request, "firewall");
  const isolation = isolationOf(config, result);
  const addresses = addressesOf(result);
  const used = families.filter((family) => ofFamily(addresses, family).length > 0);
  for (const family of used) requirePrograms(family);

  const { adminChain } = config;
  const owner = ownerOf(request);
  const directory = recordDirectory(config.dataDir);
  withUndo((undo) => {
    for (const address of addresses) {
      record(
        directory,
        { address, owner, netns: request.netns, adminChain, ...(isolation && { isolation }) },
        undo,
      );
    }
    for (const family of used) {
      const wanted: Wanted = {
        addresses: ofFamily(addresses, family),
        adminChain,
        ...(isolation && { isolation }),
      };
      const done = changeRules(family, "filter", (current) => planAdd(current, wanted));
      undo.push(() => {
        changeRules(family, "filter", (current) =>
          planUndo(current, done, wanted, stillNeeded(directory, owner, wanted)),
        );
      });
    }
  });
  return result;
}

/** Throws CniError code 101 before anything is changed. */
function requirePrograms(family: Family): void {
  findProgram(family, "save");
  findProgram(family, "restore");
}

/** The record comes before the rules: whoever finds the rules has to find their owner. */
function record(directory: string, record: AddressRecord, undo: UndoStack): void {
  const before = readRecord(directory, record.address);
  undo.push(() => {
    if (before === undefined) removeRecord(directory, record.address);
    else writeRecord(directory, before);
  });
  writeRecord(directory, record);
}

function stillNeeded(directory: string, owner: Owner, wanted: Wanted): StillNeeded {
  const others = listRecords(directory).filter((record) => !sameOwner(record.owner, owner));
  const { adminChain, isolation } = wanted;
  return {
    adminChain: others.some((other) => other.adminChain === adminChain),
    isolation:
      isolation !== undefined &&
      others.some(
        (other) =>
          other.isolation?.bridge === isolation.bridge && other.isolation.policy === isolation.policy,
      ),
  };
}
