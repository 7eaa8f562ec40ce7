import type { Request } from "../../shared/cni/plugin.ts";
import { prevResult } from "../../shared/cni/prev-result.ts";
import type { Result } from "../../shared/cni/result.ts";
import { type UndoStack, withUndo } from "../../shared/cni/undo-stack.ts";
import { CniError, ErrorCode } from "../../shared/errors/cni-error.ts";
import { changeRules, requireIptables } from "../../shared/iptables/client.ts";
import type { PortmapConfig } from "./config.ts";
import { type PublishedFamily, publishedFamilies } from "./families.ts";
import { allowLocalhost } from "./localhost-access.ts";
import { mappingsOf } from "./mappings.ts";
import { planAdd, planUndo, planUndoShared } from "./plan.ts";
import { desiredRules } from "./rules.ts";
import { forgetEarlierConnections } from "./stale-connections.ts";

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
  const families = publishedFamilies(config, previous, request.ifname);
  for (const { family } of families) requireIptables(family);
  withUndo((undo) => {
    for (const published of families) publish(request, config, published, undo);
    const four = families.find(({ family }) => family === 4);
    if (four !== undefined && config.masquerade.kind !== "off") {
      allowLocalhost(four.address.address, previous);
    }
  });
  return previous;
}

function publish(
  request: Request,
  config: PortmapConfig,
  { family, address }: PublishedFamily,
  undo: UndoStack,
): void {
  const desired = desiredRules(request, config, address);
  const done = changeRules(family, "nat", (current) => planAdd(current, desired));
  undo.push(() => changeRules(family, "nat", (current) => planUndoShared(current, done)));
  undo.push(() => changeRules(family, "nat", (current) => planUndo(current, done, desired.chain)));
  forgetEarlierConnections(mappingsOf(config.mappings, family), address.address);
}
