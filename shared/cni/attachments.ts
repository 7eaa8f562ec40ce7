import * as z from "zod/mini";
import { lazy } from "../errors/lazy.ts";
import { configObject, decode, text } from "./config-schema.ts";
import type { JsonObject } from "./json-read.ts";

/** One attachment of a network: a container and the interface it has there. */
export interface Attachment {
  readonly containerId: string;
  readonly ifname: string;
}

const attachmentList = lazy(() => z.array(configObject({ containerID: text, ifname: text })));

/**
 * The attachments that GC has to leave alone (CNI SPEC 1.1.0, "GC"). Undefined when the runtime sent no list (or
 * null), as libcni does when it was given none: nothing may be collected then. An empty list means that every
 * attachment is stale.
 *
 * @throws CniError code 6 when the list is malformed.
 */
export function validAttachments(document: JsonObject): readonly Attachment[] | undefined {
  // libcni sends the list under both names; the first is the specification's.
  const list = document["cni.dev/valid-attachments"] ?? document["cni.dev/attachments"];
  if (list === undefined || list === null) return undefined;
  return decode(attachmentList(), list, "cni.dev/valid-attachments").map(({ containerID, ifname }) => ({
    containerId: containerID,
    ifname,
  }));
}
