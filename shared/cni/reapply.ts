import { CniError, errorText } from "../errors/cni-error.ts";
import { cachedAttachments } from "./cached-results.ts";
import type { Plugin } from "./plugin.ts";

const usualCache = "/var/lib/cni";

/**
 * Makes again what was lost of all living attachments that the runtime's cache knows: after a firewall's reload or a
 * flush of the ruleset. Goes on after a failure.
 *
 * @param cacheDirectory libcni's cache; undefined for the usual place.
 * @returns a report for people, a line for each attachment.
 * @throws CniError when one of them failed, with the report in its details.
 */
export function reapplyAll<Config>(
  plugin: Pick<Plugin<Config>, "name" | "decode"> & Required<Pick<Plugin<Config>, "reapply">>,
  cacheDirectory = usualCache,
): string {
  const lines: string[] = [];
  let failed: CniError | undefined;
  for (const { request, name } of cachedAttachments(cacheDirectory, plugin.name)) {
    try {
      plugin.reapply(request, plugin.decode(request));
      lines.push(`${plugin.name}: ${name}: in place`);
    } catch (error) {
      lines.push(`${plugin.name}: ${name}: ${errorText(error)}`);
      if (failed === undefined && error instanceof CniError) failed = error;
      else if (!(error instanceof CniError)) throw error;
    }
  }
  if (failed === undefined) {
    return lines.length === 0
      ? `${plugin.name}: no living attachment in ${cacheDirectory}/results\n`
      : `${lines.join("\n")}\n`;
  }
  throw new CniError(failed.code, failed.message, lines.join("; "), { cause: failed });
}
