import { CniError, ErrorCode } from "../../shared/cni/errors/cni-error.ts";
import type { Request } from "../../shared/cni/plugin.ts";
import { requirePrevResult } from "../../shared/cni/prev-result.ts";
import type { IpFamily } from "../../shared/ip/address.ts";
import { localhostPath, localhostRefusal } from "./localhost/access.ts";
import { isPublishedByGo } from "./nftables/go-rules.ts";
import { type Publication, publicationsOf } from "./publication.ts";
import type { Setup } from "./setup.ts";

/**
 * CHECK: everything that ADD makes exists in one of three places, tried in this order: the backend of the configuration,
 * the other one if the configuration fits it, the tables of the Go plugin's nftables backend.
 *
 * @throws CniError code 105 naming the first thing that is missing.
 */
export function check(request: Request, setup: Setup): void {
  const { config, backend } = setup;
  const previous = requirePrevResult(request, "portmap");
  const publications = publicationsOf(request, config, previous, backend.publishesIdle);
  const isOurs = publications.map((publication) => assertPublished(publication, setup)).every(Boolean);
  const path = localhostPath(publications, previous);
  const refusal = path && localhostRefusal(path, isOurs);
  if (refusal !== undefined) throw mismatch(4, refusal);
}

function mismatch(family: IpFamily, what: string): CniError {
  return new CniError(
    ErrorCode.checkMismatch,
    `could not check ipv${family} dnat: ${what}`,
    'the ports are not published as configured: after a flush "portmap reapply" makes the rules again; else DEL and ADD',
  );
}

/** Asserts that the ports of one family are published. Returns whether they are known not to be by the Go plugin. */
function assertPublished(publication: Publication, { backend, otherBackend }: Setup): boolean {
  const missing = backend.check(publication);
  if (missing === undefined) return backend.tellsOurs;
  const mayBeOther = fitsOther(publication) && otherBackend.mayHave(publication);
  if (mayBeOther && otherBackend.check(publication) === undefined) return otherBackend.tellsOurs;
  // The executable was replaced since.
  if (isPublishedByGo(publication)) return false;
  throw mismatch(publication.family, missing);
}

/** Whether the other backend may have been in use when the container was added. */
function fitsOther({ config, family }: Publication): boolean {
  const hasConditions = config.conditions[family].length > 0 || config.nftConditions[family].text !== "";
  return !hasConditions && config.masquerade.kind !== "chain";
}
