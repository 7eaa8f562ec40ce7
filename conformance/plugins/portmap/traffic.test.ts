/** Packets to published ports arrive from everywhere, and packets that are not for them are left alone. */
import { test } from "node:test";
import { serveHttp } from "../../harness/traffic.ts";
import {
  addressOf,
  assertNoPage,
  assertPage,
  call,
  families,
  gateway,
  hostAddress,
  listing,
  network,
  outside,
  secondAddress,
  succeed,
  url,
} from "./network.ts";
import { beyondPeer, tcp } from "./setting.ts";

const backends = ["nftables", "iptables"] as const;

for (const [backend, bridgeNetfilter] of [
  ["nftables", false],
  ["nftables", true],
  ["iptables", false],
] as const) {
  const beside = bridgeNetfilter ? ", with br_netfilter" : "";
  test(`${backend}: a published port from everywhere${beside}`, beyondPeer, async (t) => {
    const host = await network(t, bridgeNetfilter);
    await serveHttp(host, "c1", 80, "c1");
    succeed(host, "ADD", { backend });
    for (const family of families) {
      const target = url(hostAddress[family], 8080);
      assertPage(host, "outside", target, "c1", outside[family]);
      assertPage(host, undefined, target, "c1");
      assertPage(host, undefined, url(secondAddress[family], 8080), "c1");
      assertPage(host, "c2", target, "c1", gateway[family]);
      assertPage(host, "c2", url(gateway[family], 8080), "c1", gateway[family]);
      assertPage(host, "c1", target, "c1", gateway[family]);
    }
    assertPage(host, undefined, url("127.0.0.1", 8080), "c1", gateway.ipv4);
    succeed(host, "CHECK", { backend });
    succeed(host, "DEL", { backend });
    for (const family of families) {
      assertNoPage(host, "outside", url(hostAddress[family], 8080));
      assertNoPage(host, undefined, url(hostAddress[family], 8080));
    }
  });
}
