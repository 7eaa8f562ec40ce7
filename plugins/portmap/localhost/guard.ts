import { isErrno } from "../../../shared/errors/system-error.ts";
import type { Iptables } from "../../../shared/iptables/client.ts";
import { chainMayExist } from "../../../shared/iptables/presence.ts";
import { requireSysctl } from "../../../shared/linux/required-sysctl.ts";
import { ensureSysctl, linkSysctl, readSysctl } from "../../../shared/linux/sysctl.ts";
import { addChain, deleteChain, flushChain } from "../../../shared/nftables/chain.ts";
import {
  changeRuleset,
  hasNftables,
  type Nftables,
  openNftables,
  removeFromTables,
} from "../../../shared/nftables/client.ts";
import type { Command } from "../../../shared/nftables/command.ts";
import { addElements, deleteElements, type Element } from "../../../shared/nftables/element.ts";
import { addRule } from "../../../shared/nftables/rule.ts";
import { deleteTable } from "../../../shared/nftables/table.ts";
import { completeTable, readTableState } from "../../../shared/nftables/table-definition.ts";
import { chainOf } from "../nftables/elements.ts";
import { othersPublish } from "./others.ts";
import { guardChain, planGuard, planGuardRemoval } from "./rules.ts";
import {
  interfaceChain,
  interfaceElement,
  interfaceOf,
  interfaceRules,
  isOpenedByUs,
  localhostDefinition,
  localhostTable,
  openInterfaces,
  publisherElement,
  publisherKey,
  publishers,
} from "./table.ts";

export function routeLocalnet(name: string): string {
  return linkSysctl(4, name, "route_localnet");
}

const everywhere = "net/ipv4/conf/all/route_localnet";

/** Whether packets with a loopback address may go through an interface: the kernel looks at both. Throws SystemError. */
export function isOpen(name: string): boolean {
  return readSysctl(routeLocalnet(name)) !== "0" || readSysctl(everywhere) !== "0";
}

/**
 * Lets the host's 127.0.0.1 lead to a container behind an interface, and keeps everybody there from the host's 127.0.0.1.
 *
 * @param owner the attachment's comment.
 * @throws SystemError, CniError
 */
export function openFor(iptables: Iptables, owner: string, name: string): void {
  // The guarding rule is added before the interface is opened, and removed after it is closed.
  if (hasNftables()) {
    const nftables = openNftables();
    changeRuleset(nftables, () => ({ commands: planOpen(nftables, owner, name) }));
  } else {
    iptables.change(4, "filter", (current) => ({
      transaction: planGuard(current, owner, name, !isOpen(name)),
    }));
  }
  if (!isOpen(name)) requireSysctl(routeLocalnet(name), "1", otherwise);
}

const otherwise = '"snat": false, which leaves 127.0.0.1 out';

function planOpen(nftables: Nftables, owner: string, name: string): Command[] {
  const chain = interfaceChain(name);
  const wanted = publisherElement(owner, name);
  const present = nftables.getElement(publishers, wanted);
  const isNew = nftables.getElement(openInterfaces, interfaceElement(name, false)) === undefined;
  const hasRules = nftables.listRules(localhostTable, chain.name).length > 0;
  const elsewhere = present !== undefined && chainOf(present) !== chain.name;
  return [
    ...completeTable(localhostDefinition(), readTableState(nftables, localhostDefinition())),
    ...(nftables.getChain(chain) === undefined ? [addChain(chain)] : []),
    ...(hasRules ? [] : interfaceRules().map((rule) => addRule(chain, rule))),
    ...(isNew ? addElements(openInterfaces, [interfaceElement(name, !isOpen(name))]) : []),
    ...(elsewhere ? deleteElements(publishers, [present]) : []),
    ...(present === undefined || elsewhere ? addElements(publishers, [wanted]) : []),
  ];
}

/** Whether containers behind an interface are kept from the host's 127.0.0.1. Throws SystemError. */
export function isGuarded(owner: string, name: string): boolean {
  return !hasNftables() || planOpen(openNftables(), owner, name).length === 0;
}

/** Takes back what was opened for an attachment, unless others need it. Throws SystemError. */
export function closeFor(iptables: Iptables, owner: string): void {
  close(iptables, (nftables) => {
    const element = nftables.getElement(publishers, { key: publisherKey(owner) });
    return element?.comment === owner ? [element] : [];
  });
  closeRules(iptables, (other) => other === owner);
}

/** Takes back what was opened for stale attachments whose comments begin with a text. Throws SystemError. */
export function closeForStale(
  iptables: Iptables,
  commentStart: string,
  isStale: (owner: string) => boolean,
): void {
  close(iptables, (nftables) =>
    nftables.findElements(publishers, commentStart).filter(({ comment = "" }) => isStale(comment)),
  );
  closeRules(iptables, (owner) => owner.startsWith(commentStart) && isStale(owner));
}

/**
 * Removes guarding rules from iptables, where the kernel has no nf_tables. Rules of the Go plugin do not keep an interface
 * open, since nothing tells their interface.
 */
function closeRules(iptables: Iptables, leaves: (owner: string) => boolean): void {
  if (hasNftables() || !chainMayExist(4, "filter", guardChain)) return;
  iptables.changeIfAvailable(4, "filter", (current) => {
    const release = planGuardRemoval(current, leaves);
    for (const name of release.closing) tryToClose(name);
    return release;
  });
}

function close(iptables: Iptables, find: (nftables: Nftables) => Element[]): void {
  const plan = (nftables: Nftables) => planClosing(nftables, iptables, find(nftables));
  const done = removeFromTables([localhostTable], plan);
  for (const name of done?.closed ?? []) openAgain(name);
}

/**
 * Closes interfaces, and returns the commands that remove the guard of those that could be closed. `closed` are those that
 * were open until then. A second attempt does not see those that the first one has closed.
 */
function planClosing(nftables: Nftables, iptables: Iptables, leaving: readonly Element[]) {
  const interfaces = nftables.listElements(openInterfaces);
  const unused = interfaces.filter((element) => isUnused(nftables, element, leaving));
  const isTried = unused.length > 0 && !othersPublish(nftables, iptables);
  const tried = isTried ? unused.map((element) => ({ element, state: stateAfterClosing(element) })) : [];
  const going = tried.filter(({ state }) => state !== "refused").map(({ element }) => element);
  const closed = tried.filter(({ state }) => state === "closed").map(({ element }) => interfaceOf(element));
  const isLast = going.length > 0 && going.length === interfaces.length;
  const chains = going.map((element) => interfaceChain(interfaceOf(element)));
  const commands = isLast
    ? [deleteTable(localhostTable)]
    : [
        ...deleteElements(publishers, leaving),
        ...deleteElements(openInterfaces, going),
        ...chains.flatMap((chain) => [flushChain(chain), deleteChain(chain)]),
      ];
  return { commands, closed };
}

/** Whether only leaving publishers use an interface. The kernel counts what leads to a chain, and its rules. */
function isUnused(nftables: Nftables, element: Element, leaving: readonly Element[]): boolean {
  const chain = chainOf(element) ?? "";
  const uses = nftables.getChain({ table: localhostTable, name: chain })?.uses ?? 0;
  const rules = nftables.listRules(localhostTable, chain).length;
  return uses === rules + 1 + leaving.filter((one) => chainOf(one) === chain).length;
}

type Closing = "closed" | "was closed" | "refused";

/** Closes an interface if this plugin has opened it. */
function stateAfterClosing(element: Element): Closing {
  return isOpenedByUs(element) ? tryToClose(interfaceOf(element)) : "was closed";
}

function tryToClose(name: string): Closing {
  try {
    return ensureSysctl(routeLocalnet(name), "0") ? "closed" : "was closed";
  } catch (error) {
    // The interface may be gone.
    return isErrno(error, "ENOENT") ? "was closed" : "refused";
  }
}

/** Opens an interface again if somebody has begun to publish ports there while it was being closed. */
function openAgain(name: string): void {
  const isUsed = openNftables().getChain(interfaceChain(name)) !== undefined;
  if (isUsed) ensureSysctl(routeLocalnet(name), "1");
}
