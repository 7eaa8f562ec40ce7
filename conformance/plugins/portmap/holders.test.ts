/** A port belongs to one container: others are refused, unless that one is gone. DEL takes what is its own only. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Host } from "../../harness/host.ts";
import { conntrack } from "../../harness/inspect.ts";
import { difference, snapshot } from "../../harness/snapshot.ts";
import { serveHttp } from "../../harness/traffic.ts";
import {
  addressOf,
  assertNoPage,
  assertPage,
  assertRefused,
  type Call,
  families,
  hostAddress,
  listing,
  network,
  outside,
  secondAddress,
  succeed,
  url,
} from "./network.ts";
import { beyondPeer, rules, tcp, udp } from "./setting.ts";

/** What stands in the host's rules about containers. */
function ofContainers(host: Host): string[] {
  const { ipv4, ipv6 } = rules(host);
  const tables = listing(host, "ip cni_portmap") + listing(host, "ip6 cni_portmap");
  return [
    ...[...ipv4, ...ipv6].filter((line) => /CNI-DN-/.test(line)),
    ...(tables.match(/comment "\w+\/.*/g) ?? []),
  ];
}

for (const backend of ["nftables", "iptables"] as const) {
  test(`${backend}: a live container's port is refused to others`, beyondPeer, async (t) => {
    const host = await network(t);
    await serveHttp(host, "c1", 80, "c1");
    succeed(host, "ADD", { backend, mappings: [tcp(8080, 80), tcp(8081, 80, hostAddress.ipv4)] });
    const before = snapshot(host);
    const other = { backend, container: "c2", network: "othernet" } as const;
    const holder = /host port 808\d\/tcp is already published for .*(c1.*mynet|mynet.*c1).*10\.22\.0\.2/;
    for (const mappings of [
      [tcp(9090, 80), tcp(8080, 81)],
      [tcp(8080, 80, hostAddress.ipv4)],
      [tcp(8081, 80, hostAddress.ipv4)],
      [tcp(8081, 80)],
      [tcp(8081, 80, "0.0.0.0")],
    ]) {
      assertRefused(host, "ADD", { ...other, mappings }, 103, holder);
      assert.equal(difference(before, snapshot(host)), "");
    }
    for (const mappings of [[udp(8080, 80)], [tcp(8081, 80, secondAddress.ipv4)], [tcp(8082, 80)]]) {
      succeed(host, "ADD", { ...other, mappings });
    }
    assertPage(host, "outside", url(hostAddress.ipv4, 8080), "c1");
  });

  test(`${backend}: a dead container's port is taken over`, beyondPeer, async (t) => {
    const host = await network(t);
    await serveHttp(host, "c2", 80, "c2");
    succeed(host, "ADD", { backend, mappings: [tcp(8080, 80), tcp(8081, 80)] });
    const tuple = ["-s", outside.ipv4, "-d", hostAddress.ipv4, "--sport", "4000", "--dport", "8080"];
    const reply = ["--reply-src", addressOf("c1", "ipv4"), "--reply-dst", outside.ipv4];
    const ports = ["--reply-port-src", "80", "--reply-port-dst", "4000", "--state", "ESTABLISHED"];
    host.run("conntrack", ["-I", "-t", "600", "-p", "tcp", ...tuple, ...reply, ...ports]);
    host.run("ip", ["link", "delete", "vethc1"]);
    host.delNetns("c1");
    succeed(host, "ADD", { backend, container: "c2" });
    for (const family of families) assertPage(host, "outside", url(hostAddress[family], 8080), "c2");
    assert.deepEqual(
      ofContainers(host).filter((line) => /mynet\/c1|id: .{0,3}c1/.test(line)),
      [],
    );
    assert.ok(!conntrack(host).some((line) => line.includes("sport=4000")));
    succeed(host, "CHECK", { backend, container: "c2" });
    succeed(host, "DEL", { backend });
    assertPage(host, "outside", url(hostAddress.ipv4, 8080), "c2");
  });

  test(`${backend}: a late DEL leaves the address's next owner alone`, beyondPeer, async (t) => {
    const host = await network(t);
    await serveHttp(host, "c1", 80, "c1");
    const [dead, alive]: [Call, Call] = [
      { backend, containerId: "dead" },
      { backend, containerId: "alive" },
    ];
    succeed(host, "ADD", dead);
    succeed(host, "ADD", alive);
    for (let count = 0; count < 2; count++) succeed(host, "DEL", dead);
    assertPage(host, "outside", url(hostAddress.ipv4, 8080), "c1");
    succeed(host, "CHECK", alive);
    succeed(host, "DEL", alive);
    assert.deepEqual(ofContainers(host), []);
  });

  test(`${backend}: two networks of one container`, beyondPeer, async (t) => {
    const host = await network(t);
    await serveHttp(host, "c1", 80, "c1");
    const first: Call = { backend, network: "first" };
    const second: Call = {
      ...{ backend, network: "second", container: "again", ifname: "eth1" },
      mappings: [tcp(8081, 80)],
    };
    succeed(host, "ADD", first);
    succeed(host, "ADD", second);
    for (const family of families) {
      assertPage(host, "outside", url(hostAddress[family], 8080), "c1");
      assertPage(host, "outside", url(hostAddress[family], 8081), "c1");
    }
    succeed(host, "DEL", first);
    assertNoPage(host, "outside", url(hostAddress.ipv4, 8080));
    for (const family of families) assertPage(host, "outside", url(hostAddress[family], 8081), "c1");
    succeed(host, "CHECK", second);
    succeed(host, "DEL", second);
    assert.deepEqual(ofContainers(host), []);
  });

  test(`${backend}: a container that is added again with another address`, beyondPeer, async (t) => {
    const host = await network(t);
    await serveHttp(host, "c2", 80, "c2");
    succeed(host, "ADD", { backend, containerId: "c" });
    succeed(host, "ADD", { backend, containerId: "c", container: "c2" });
    for (const family of families) assertPage(host, "outside", url(hostAddress[family], 8080), "c2");
    succeed(host, "CHECK", { backend, containerId: "c", container: "c2" });
    succeed(host, "DEL", { backend, containerId: "c", container: "c2" });
    assert.deepEqual(ofContainers(host), []);
  });
}

test("nftables: DEL of one of two interfaces in the same network", beyondPeer, async (t) => {
  const host = await network(t);
  await serveHttp(host, "c1", 80, "c1");
  const second: Call = { container: "again", ifname: "eth1", mappings: [tcp(8081, 80)] };
  succeed(host, "ADD", {});
  succeed(host, "ADD", second);
  succeed(host, "DEL", {});
  assertNoPage(host, "outside", url(hostAddress.ipv4, 8080));
  assertPage(host, "outside", url(hostAddress.ipv4, 8081), "c1");
});
