import { ownerComment } from "../../../shared/cni/owner-comment.ts";
import { formatIp } from "../../../shared/ip/address.ts";
import type { Nftables } from "../../../shared/nftables/client.ts";
import { describeTable } from "../../../shared/nftables/command.ts";
import {
  completeTable,
  readTableState,
  type TableDefinition,
  type TableState,
} from "../../../shared/nftables/table-definition.ts";
import type { Publication } from "../publication.ts";
import { mappingElements, type PlacedElement, sameElement, sourcesElements } from "./elements.ts";
import { isListed, missingEntries } from "./owners.ts";
import { mapsOf, tableDefinition } from "./table.ts";
import { areSiblings } from "./waiting.ts";

/** Returns the first thing that is missing of a publication, in words; undefined when all is there. */
export function missingElement(nftables: Nftables, publication: Publication): string | undefined {
  const { attachment, config, family, container } = publication;
  const comment = ownerComment(attachment);
  const whole = tableDefinition(config, container);
  const { owners, waiting } = mapsOf(family);
  const areListed = isListed(nftables, family);
  const mayLack = [waiting.name, ...(areListed ? [] : [owners.name])];
  const sets = whole.sets.filter(({ name }) => !mayLack.includes(name));
  const definition = { ...whole, sets };
  const missing = missingInTable(definition, readTableState(nftables, definition));
  if (missing !== undefined) return missing;
  const elements = mappingElements(publication).flatMap(({ mapping, target, chain, claim }) => {
    const host = mapping.hostIp === undefined ? "" : ` of ${formatIp(mapping.hostIp)}`;
    const what = `port ${mapping.hostPort}/${mapping.protocol}${host}`;
    const holder = nftables.getElement(target.map, target.element)?.comment;
    return (areSiblings(holder, comment) ? [claim] : [target, chain]).map((placed) => ({ what, placed }));
  });
  if (config.masquerade.kind !== "off") {
    const { element, claim } = sourcesElements(publication);
    const holder = nftables.getElement(element.map, element.element)?.comment;
    const placed = holder === undefined || holder === comment ? element : claim;
    elements.push({ what: `masquerading for ${formatIp(container.address)}`, placed });
  }
  for (const { what, placed } of elements) {
    const problem = problemOf(nftables, placed);
    if (problem !== undefined) return `${what} ${problem}`;
  }
  const placed = elements.map((element) => element.placed);
  return areListed && missingEntries(nftables, family, comment, placed).length > 0
    ? `entry of ${comment} not found in map ${describeTable(owners.table)} ${owners.name}`
    : undefined;
}

function problemOf(nftables: Nftables, { map, element }: PlacedElement): string | undefined {
  const where = `map ${describeTable(map.table)} ${map.name}`;
  const present = nftables.getElement(map, element);
  if (present === undefined) return `not found in ${where}`;
  if (sameElement(present, element)) return undefined;
  return present.comment === element.comment
    ? `leads elsewhere in ${where}`
    : `is ${present.comment ?? "somebody unknown"}'s in ${where}`;
}

/** Returns the first part of a table that is not as defined, in words. */
function missingInTable(definition: TableDefinition, state: TableState): string | undefined {
  const table = describeTable(definition.table);
  if (!state.exists) return `table ${table} not found`;
  const map = definition.sets.find(({ name }) => !state.sets.has(name));
  if (map !== undefined) return `map ${table} ${map.name} not found`;
  for (const chain of definition.chains) {
    if (!state.chains.has(chain.name)) return `chain ${table} ${chain.name} not found`;
    const alone = completeTable({ ...definition, sets: [], chains: [chain] }, state);
    if (alone.length > 0) return `chain ${table} ${chain.name} has other rules than it should`;
  }
  return undefined;
}
