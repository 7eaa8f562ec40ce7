/** A port belongs to one container: others are refused, unless that one is gone. DEL takes what is its own only. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Host } from "../../harness/host/host.ts";
import { conntrack } from "../../harness/host/inspect.ts";
import { difference, snapshot } from "../../harness/host/snapshot.ts";
import { callPlugin } from "../../harness/plugins/plugin-call.ts";
import { serveHttp } from "../../harness/traffic/traffic.ts";
import {
  addressOf,
  assertNoPage,
  assertPage,
  assertRefused,
  type Backend,
  type Call,
  families,
  hostAddress,
  listing,
  network,
  outside,
  secondAddress,
  succeed,
  succeedTogether,
  url,
} from "./network.ts";
import { beyondPeer, ours, peers, rules, tcp, udp } from "./setting.ts";

/** What stands in the host's rules about containers. */
function ofContainers(host: Host): string[] {
  const { ipv4, ipv6 } = rules(host);
  const tables = listing(host, "ip cni_portmap") + listing(host, "ip6 cni_portmap");
  return [
    ...[...ipv4, ...ipv6].filter((line) => /CNI-DN-/.test(line)),
    ...(tables.match(/comment "\w+\/.*/g) ?? []),
  ];
}

type Attached = Call & { readonly network: string; readonly page: string };

/** One container in two networks with the same port: what leads to which network can be told by the page. */
async function attachTwice(host: Host, backend: Backend): Promise<readonly [Attached, Attached]> {
  await serveHttp(host, "c1", 80, "c1");
  await serveHttp(host, "c2", 80, "c2");
  const mappings = [tcp(8080, 80), tcp(8081, 80, hostAddress.ipv4), udp(53, 53)];
  const common = { backend, containerId: "pod", mappings } as const;
  const attached = [
    { ...common, network: "front", container: "c1", page: "c1" },
    { ...common, network: "back", container: "c2", ifname: "eth1", page: "c2" },
  ] as const;
  for (const setting of [...attached, attached[1], attached[0]]) succeed(host, "ADD", setting);
  assertLeadsTo(host, "c1");
  for (const setting of attached) succeed(host, "CHECK", setting);
  assertRefused(host, "ADD", stranger(backend), 103, /8080\/tcp is already published for .*pod/);
  return attached;
}

function stranger(backend: Backend): Call {
  return { backend, container: "c3", network: "front" };
}

function assertLeadsTo(host: Host, page: string): void {
  for (const family of families) assertPage(host, "outside", url(hostAddress[family], 8080), page);
  assertPage(host, "outside", url(hostAddress.ipv4, 8081), page);
  assertPage(host, undefined, url("127.0.0.1", 8080), page);
}

/** As runtimes do after a crash: nothing but the names is known, and it is done twice. */
function remove(host: Host, means: "DEL" | "GC", { network: name, ifname = "eth0" }: Attached): void {
  const config = { cniVersion: "1.1.0", name, type: "portmap", "cni.dev/valid-attachments": [] };
  for (let count = 0; count < 2; count++) {
    const environment =
      means === "GC" ? { command: means } : { command: means, containerId: "pod", netns: "", ifname };
    const { status, stdout, stderr } = callPlugin(host, ours, environment, config);
    assert.equal(`${status} ${stderr}`, "0 ", stdout);
  }
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

  for (const [order, leaving] of [
    ["the first leaves", 0],
    ["the second leaves", 1],
  ] as const) {
    for (const means of ["DEL", "GC"] as const) {
      const title = `${backend}: two networks of one container publish the same port, ${order} by ${means}`;
      test(title, beyondPeer, async (t) => {
        const host = await network(t);
        const attached = await attachTwice(host, backend);
        const [gone, stays] = leaving === 0 ? attached : ([attached[1], attached[0]] as const);
        remove(host, means, gone);
        assertLeadsTo(host, stays.page);
        succeed(host, "CHECK", stays);
        assertRefused(host, "ADD", stranger(backend), 103, /8080\/tcp is already published for/);
        assert.deepEqual(
          ofContainers(host).filter((line) => line.includes(gone.network)),
          [],
        );

        succeed(host, "ADD", gone);
        assertLeadsTo(host, stays.page);
        for (const setting of attached) succeed(host, "CHECK", setting);
        remove(host, means, gone);
        remove(host, means, stays);
        assertNoPage(host, "outside", url(hostAddress.ipv4, 8080));
        assert.deepEqual(ofContainers(host), []);
        succeed(host, "ADD", stranger(backend));
        succeed(host, "DEL", stranger(backend));
      });
    }
  }

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

test("iptables: two networks of one container have the Go plugin's rules", beyondPeer, async (t) => {
  const host = await network(t);
  const attached = await attachTwice(host, "iptables");
  const made = rules(host);
  for (const setting of attached) succeed(host, "DEL", setting);
  for (const setting of attached) succeed(host, "ADD", setting, peers);
  assert.deepEqual(rules(host), made);
});

test("nftables: of three networks of one container the port goes on to another", beyondPeer, async (t) => {
  const host = await network(t);
  const [first, second] = await attachTwice(host, "nftables");
  await serveHttp(host, "c3", 80, "c3");
  const third = { ...second, network: "third", container: "c3", ifname: "eth2", page: "c3" } as const;
  succeed(host, "ADD", third);
  succeed(host, "DEL", second);
  assertLeadsTo(host, "c1");
  succeed(host, "DEL", first);
  assertLeadsTo(host, "c3");
  succeed(host, "CHECK", third);
  // It waited with another address and its own conditions before.
  succeed(host, "ADD", first);
  const moved = { ...first, last: 12, keys: { conditionsV4: ["iifname", "!=", "eth9"], markMasqBit: 7 } };
  succeed(host, "ADD", moved);
  succeed(host, "CHECK", moved);
  assertRefused(host, "CHECK", first, 105, /8080\/tcp/);
  succeed(host, "DEL", third);
  assertLeadsTo(host, "c1");
  succeed(host, "CHECK", moved);
  succeed(host, "DEL", moved);
  assert.doesNotMatch(listing(host), /elements|_if_|from_/);
});

test("both networks of a container that is gone make way", beyondPeer, async (t) => {
  const host = await network(t);
  await attachTwice(host, "nftables");
  await serveHttp(host, "c3", 80, "c3");
  const silence = (name: "c1" | "c2") => {
    host.run("ip", ["link", "delete", `veth${name}`]);
  };
  silence("c1");
  // The port is the other network's as well, and that one answers.
  assertRefused(host, "ADD", stranger("nftables"), 103, /eth1.*back/);
  assert.match(listing(host), /front\/pod/);
  silence("c2");
  succeed(host, "ADD", stranger("nftables"));
  assertPage(host, "outside", url(hostAddress.ipv4, 8080), "c3");
  // What keeps neighbours from 127.0.0.1 stays until GC.
  for (const family of ["ip", "ip6"]) {
    const { stdout } = host.run("nft", ["list", "table", family, "cni_portmap"]);
    assert.doesNotMatch(stdout, /pod/);
  }
});

test("two networks of one container by different backends", beyondPeer, async (t) => {
  const host = await network(t);
  const attached = await attachTwice(host, "nftables");
  const [first, second] = attached;
  succeed(host, "ADD", { ...second, backend: "iptables" });
  assertLeadsTo(host, "c2");
  for (const setting of attached) succeed(host, "CHECK", setting);
  succeed(host, "ADD", { ...second, backend: "nftables" });
  assertLeadsTo(host, "c1");
  for (const setting of attached) succeed(host, "CHECK", setting);
  succeed(host, "ADD", { ...first, backend: "iptables" });
  assertLeadsTo(host, "c1");
  succeed(host, "DEL", first);
  assertLeadsTo(host, "c2");
  succeed(host, "DEL", second);
  assert.deepEqual(ofContainers(host), []);
});

test(
  "nftables: networks of one container that are added and removed at the same time",
  beyondPeer,
  async (t) => {
    const host = await network(t);
    const settings = Array.from({ length: 6 }, (_, index): Call => {
      return { containerId: "pod", network: `net${index}`, last: 20 + index, ifname: `eth${index}` };
    });
    await succeedTogether(host, "ADD", settings);
    for (const setting of settings) succeed(host, "CHECK", setting);
    await succeedTogether(host, "DEL", settings.slice(1));
    const [left = {}] = settings;
    succeed(host, "CHECK", left);
    assert.match(
      listing(host),
      /6 . 8080 comment "net0\/pod\/eth0" : 10.22.0.20 . 80|tcp . 8080 comment "net0\/pod\/eth0" : 10.22.0.20 . 80/,
    );
    succeed(host, "DEL", left);
    assert.doesNotMatch(listing(host), /elements/);
  },
);
