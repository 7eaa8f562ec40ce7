import { cachedAttachments, usualCache } from "./cached-results.ts";
import { asCniError } from "./errors/as-cni-error.ts";
import { CniError } from "./errors/cni-error.ts";
import type { Plugin } from "./plugin.ts";

/**
 * Makes again what was lost of all living attachments that the runtime's cache knows: after a firewall's reload or a
 * flush of the ruleset. Goes on after a failure.
 *
 * @param cacheDirectory libcni's cache; undefined for the usual place.
 * @returns a report for people, a line for each attachment.
 * @throws CniError when one of them failed, or a cached result cannot be read; with the report in its details.
 */
export function reapplyAll(
  plugin: Required<Pick<Plugin, "name" | "reapply">>,
  cacheDirectory = usualCache,
): string {
  const { attachments, unreadable } = cachedAttachments(cacheDirectory, plugin.name);
  const failures: CniError[] = [...unreadable];
  const lines = unreadable.map(({ message }) => `${plugin.name}: ${message}`);
  let isAnyAlive = false;
  for (const { request, name } of attachments) {
    const said = (text: string) => lines.push(`${plugin.name}: ${name}: ${text}`);
    try {
      const done = plugin.reapply(request);
      if ("gone" in done) said(`not alive: ${done.gone}`);
      else said(done.made.length === 0 ? "in place" : `made again: ${done.made.join(", ")}`);
      if ("made" in done) isAnyAlive = true;
    } catch (error) {
      const known = asCniError(error);
      if (known === undefined) throw error;
      said(known.message);
      failures.push(known);
    }
  }
  const [first] = failures;
  if (first !== undefined) throw new CniError(first.code, first.message, lines.join("; "), { cause: first });
  if (!isAnyAlive) lines.push(`${plugin.name}: no living attachment in ${cacheDirectory}/results`);
  return `${lines.join("\n")}\n`;
}
