import { ownerComment } from "../../shared/cni/owner-comment.ts";
import type { Request } from "../../shared/cni/plugin.ts";
import { prevResult } from "../../shared/cni/prev-result.ts";
import type { Result } from "../../shared/cni/result.ts";
import { type UndoStack, withUndo } from "../../shared/cni/undo-stack.ts";
import { CniError, ErrorCode } from "../../shared/errors/cni-error.ts";
import { changeRules, IptablesUnavailable, requireIptables } from "../../shared/iptables/client.ts";
import { hasNftables, openNftables } from "../../shared/nftables/client.ts";
import type { PortmapConfig } from "./config.ts";
import { type PublishedFamily, publishedFamilies } from "./families.ts";
import { createHolders, type Holders } from "./holders.ts";
import { holdersOf } from "./iptables-holders.ts";
import { allowLocalhost } from "./localhost-access.ts";
import { mappingsOf } from "./mappings.ts";
import { publish, unpublish } from "./nftables/publish.ts";
import { planAdd, planUndo, planUndoShared } from "./plan.ts";
import { type PublishedPort, publishedPorts } from "./published.ts";
import { desiredRules } from "./rules.ts";
import { forgetEarlierConnections, forgetLeftConnections } from "./stale-connections.ts";

/** ADD: publishes the ports and passes the result of the plugins before on. Throws CniError; nothing is left then. */
export function add(request: Request, config: PortmapConfig): Result {
  const previous = prevResult(request);
  if (previous === undefined) {
    throw new CniError(
      ErrorCode.invalidConfig,
      "must be called as chained plugin",
      "portmap publishes ports of an address that a plugin before it has given: put it behind bridge in the list",
    );
  }
  try {
    addBy(request, config, previous);
  } catch (error) {
    // The programs are installed, but the kernel has nothing for them.
    const mayTurn = error instanceof IptablesUnavailable && isPlain(config) && hasNftables();
    if (!mayTurn) throw error;
    addBy(request, { ...config, backend: "nftables" }, previous);
  }
  return previous;
}

/** Whether either backend can do what is asked for. */
function isPlain({ isBackendFree, masquerade, conditions }: PortmapConfig): boolean {
  return isBackendFree && masquerade.kind !== "chain" && [...conditions[4], ...conditions[6]].length === 0;
}

function addBy(request: Request, config: PortmapConfig, previous: Result): void {
  const families = publishedFamilies(config, previous, request.ifname);
  if (families.length === 0) return;
  const holders = createHolders();
  withUndo((undo) => {
    if (config.backend === "nftables") publishByNftables(request, config, families, holders, undo);
    else publishByIptables(request, config, families, holders, undo);
    for (const { family, address } of families) {
      forgetEarlierConnections(mappingsOf(config.mappings, family), address.address);
    }
    const four = families.find(({ family }) => family === 4);
    if (four !== undefined && config.masquerade.kind !== "off") {
      allowLocalhost(four.address.address, previous);
    }
  });
}

function publishByNftables(
  request: Request,
  config: PortmapConfig,
  families: readonly PublishedFamily[],
  holders: Holders,
  undo: UndoStack,
): void {
  const nftables = openNftables();
  try {
    const containers = families.map(({ address }) => address);
    const done = publish(nftables, config, containers, ownerComment(request), holders);
    undo.push(() => {
      const again = openNftables();
      try {
        unpublish(again, done);
      } finally {
        again.close();
      }
    });
    for (const { family } of families) {
      forgetLeftConnections(
        family,
        done.takenOver.filter(({ container }) => container.family === family),
      );
    }
  } finally {
    nftables.close();
  }
}

function publishByIptables(
  request: Request,
  config: PortmapConfig,
  families: readonly PublishedFamily[],
  holders: Holders,
  undo: UndoStack,
): void {
  for (const { family } of families) requireIptables(family);
  for (const { family, address } of families) {
    const desired = desiredRules(request, config, address);
    let takenOver: PublishedPort[] = [];
    const done = changeRules(family, "nat", (current) => {
      const mappings = mappingsOf(config.mappings, family);
      const held = config.conditions[family].length > 0 ? [] : holdersOf(current, mappings, desired.chain);
      for (const { port, owner } of held) {
        holders.requireGone(port, owner, port.container, address.address);
      }
      const gone = [...new Set(held.map(({ chain }) => chain))];
      takenOver = publishedPorts(current, gone);
      return planAdd(current, desired, gone);
    });
    undo.push(() => changeRules(family, "nat", (current) => planUndoShared(current, done)));
    undo.push(() => changeRules(family, "nat", (current) => planUndo(current, done, desired.chain)));
    forgetLeftConnections(family, takenOver);
  }
}
