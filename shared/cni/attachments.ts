import * as z from "zod/mini";
import { lazy } from "../basics/lazy.ts";
import type { AttachmentKey } from "./attachment-key.ts";
import { configObject, decode, text } from "./config-schema.ts";
import { jsonText } from "./json-print.ts";
import type { JsonObject, JsonValue } from "./json-read.ts";

/** An attachment among those of one network: a container and the interface it has there. */
export type Attachment = Omit<AttachmentKey, "network">;

const attachmentList = lazy(() => z.array(configObject({ containerID: text, ifname: text })));

/** The specification's name of the list comes first; libcni sends it under both. */
const listNames = ["cni.dev/valid-attachments", "cni.dev/attachments"] as const;

/**
 * The attachments that GC has to leave alone (CNI SPEC 1.1.0, "GC"). Undefined when the runtime sent no list, as libcni
 * does when it was called without one: nothing may be collected then. An empty list means that every attachment is
 * stale, and so does `null`, as which libcni writes the empty list of a caller who made none.
 *
 * @throws CniError code 6 when the list is malformed.
 */
export function validAttachments(document: JsonObject): readonly Attachment[] | undefined {
  const [name, list] = listIn(document);
  if (list === undefined) return undefined;
  if (list === null) return [];
  return decode(attachmentList(), list, name).map(({ containerID, ifname }) => ({
    containerId: containerID,
    ifname,
  }));
}

function listIn(document: JsonObject): [name: string, list: JsonValue | undefined] {
  const present = listNames.filter((name) => document[name] !== undefined);
  const name = present.find((candidate) => document[candidate] !== null) ?? present[0] ?? listNames[0];
  return [name, document[name]];
}

/**
 * The request that a delegate of GC gets. Its configuration has the list under both names, whichever it came by: the Go
 * plugins' host-local of v1.10.0 knows the first one only, and releases everything where that is missing.
 */
export function withListUnderBothNames<T extends { readonly document: JsonObject; readonly stdin: Buffer }>(
  request: T,
): T {
  const { document } = request;
  const [, list = null] = listIn(document);
  const text = jsonText(list);
  if (listNames.every((name) => document[name] !== undefined && jsonText(document[name]) === text))
    return request;
  const both: JsonObject = { ...document };
  for (const name of listNames) both[name] = list;
  return { ...request, document: both, stdin: Buffer.from(jsonText(both)) };
}
