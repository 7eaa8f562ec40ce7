import { openContainerNetns } from "../../shared/cni/container-netns.ts";
import type { Request } from "../../shared/cni/plugin.ts";
import { prevResult } from "../../shared/cni/prev-result.ts";
import type { Result, ResultIp } from "../../shared/cni/result.ts";
import { resultDocument } from "../../shared/cni/result-print.ts";
import { withUndo } from "../../shared/cni/undo-stack.ts";
import { type IpFamily, isLoopback } from "../../shared/ip/address.ts";
import type { IpPrefix } from "../../shared/ip/prefix.ts";
import { setLink } from "../../shared/rtnetlink/link.ts";
import { addressesOfLoopback, loopbackName, withLoopback } from "./lo.ts";

/** Sets lo up; the kernel gives it 127.0.0.1 and ::1. Returns the result of the plugin before, or else one for lo. */
export function add(request: Request): Result {
  const previous = prevResult(request);
  return withLoopback(openContainerNetns(request), (rt, lo) =>
    withUndo((undo) => {
      setLink(rt, lo, { up: true });
      if (!lo.up) undo.push(() => setLink(rt, lo, { up: false }));
      const result = previous ?? loopbackResult(request.netns, addressesOfLoopback(rt, lo));
      // Throws when the version cannot express the result: better now, while ADD can be undone.
      resultDocument(result, request.cniVersion);
      return result;
    }),
  );
}

/**
 * The result for lo: the first loopback address of each family, as in the Go plugin's. Other addresses on lo belong to
 * somebody else, such as the service address that every server of an anycast group has there.
 */
export function loopbackResult(netns: string, addresses: readonly IpPrefix[]): Result {
  const first = (family: IpFamily): ResultIp[] =>
    addresses
      .filter(({ address }) => address.family === family && isLoopback(address))
      .slice(0, 1)
      .map((address) => ({ address, interface: 0 }));
  return {
    interfaces: [{ name: loopbackName, mac: "00:00:00:00:00:00", sandbox: netns }],
    ips: [...first(4), ...first(6)],
    routes: [],
    dns: {},
  };
}
