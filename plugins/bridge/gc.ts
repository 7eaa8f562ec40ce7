import { lazy } from "../../shared/basics/lazy.ts";
import type { Attachment } from "../../shared/cni/attachments.ts";
import { configObject, decode } from "../../shared/cni/config-schema.ts";
import { delegateGc } from "../../shared/cni/delegate.ts";
import type { Request } from "../../shared/cni/plugin.ts";
import { runAll } from "../../shared/cni/undo-stack.ts";
import { openRtnetlink } from "../../shared/rtnetlink/client.ts";
import { deleteLink } from "../../shared/rtnetlink/link.ts";
import { ipamKeys, ipamOf } from "./config.ts";
import { collectMasquerade } from "./masquerade.ts";
import { collectSpoofChecks } from "./spoof-check.ts";
import { findStaleHostEnds } from "./veth.ts";

const schema = lazy(() => configObject(ipamKeys));

/** Removes links, masquerade rules and addresses of this network's attachments that are not in the list. */
export function gc(request: Request, valid: readonly Attachment[]): void {
  const keys = decode(schema(), request.document);
  const ipam = ipamOf(keys);
  runAll([
    () => collectLinks(request.network, valid),
    () => collectSpoofChecks(request.network, valid),
    () => collectMasquerade(request.network, valid),
    () => {
      if (ipam.type !== "") delegateGc(request, ipam);
    },
  ]);
}

function collectLinks(network: string, valid: readonly Attachment[]): void {
  const rt = openRtnetlink();
  try {
    runAll(findStaleHostEnds(rt, network, valid).map((link) => () => deleteLink(rt, link)));
  } finally {
    rt.close();
  }
}
