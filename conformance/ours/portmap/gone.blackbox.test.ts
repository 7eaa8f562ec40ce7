/** Who is gone makes way, and nobody else: neither an equal address nor silence is evidence. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Host } from "../../harness/host/host.ts";
import { iptablesSave } from "../../harness/host/inspect.ts";
import { cacheResult } from "../../harness/plugins/cached-result.ts";
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
  succeed,
  url,
} from "./network.ts";
import { beyondPeer, peers, rules, tcp } from "./setting.ts";

const backends = ["nftables", "iptables"] as const;
const ports = [tcp(8080, 80), tcp(8443, 80)];
const isTaken = /8080\/tcp is already published for .*c1/;

/** A container that lives, and has published two ports. */
async function withVictim(host: Host, backend: Backend): Promise<Call> {
  await serveHttp(host, "c1", 80, "victim");
  const victim: Call = { backend, mappings: ports };
  succeed(host, "ADD", victim);
  return victim;
}

function assertUntouched(host: Host, victim: Call): void {
  succeed(host, "CHECK", victim);
  for (const { hostPort } of ports) {
    for (const family of families) assertPage(host, "outside", url(hostAddress[family], hostPort), "victim");
    assertPage(host, undefined, url("127.0.0.1", hostPort), "victim");
  }
}

/** Gives a container another one's addresses as well. */
function takeAddresses(host: Host, container: "c2" | "c3", last: number): void {
  host.inNetns(container, "ip", ["address", "add", `${addressOf(last, "ipv4")}/24`, "dev", "eth0"]);
  host.inNetns(container, "ip", ["address", "add", `${addressOf(last, "ipv6")}/64`, "dev", "eth0", "nodad"]);
}

function kill(host: Host, container: "c1" | "c2"): void {
  host.run("ip", ["link", "delete", `veth${container}`]);
  host.delNetns(container);
}

/** As the bridge plugin marks it. */
function mark(host: Host, container: "c1" | "c2" | "c3", name: string): void {
  host.run("ip", ["link", "set", `veth${container}`, "alias", `cni:${name}:${container}:eth0`]);
}

for (const backend of backends) {
  for (const [where, name] of [
    ["in a network of its own", "tenantnet"],
    ["in the same network", "mynet"],
  ] as const) {
    for (const marked of ["", " that bridge has marked"]) {
      const title = `${backend}: a tenant with the address of a living container${marked}, ${where}`;
      test(title, beyondPeer, async (t) => {
        const host = await network(t);
        const victim = await withVictim(host, backend);
        if (marked !== "")
          for (const [of, its] of [
            ["c1", "mynet"],
            ["c2", name],
          ] as const)
            mark(host, of, its);
        // On another bridge: here it would answer for the victim.
        host.run("ip", ["link", "set", "vethc2", "nomaster"]);
        takeAddresses(host, "c2", 2);
        for (const by of backends) {
          const tenant: Call = { backend: by, network: name, container: "c2", last: 2 };
          assertRefused(host, "ADD", tenant, 103, isTaken);
          assertUntouched(host, victim);
          const other = { ...tenant, mappings: [tcp(9999, 80)] };
          succeed(host, "ADD", other);
          succeed(host, "CHECK", other);
          assertUntouched(host, victim);
          succeed(host, "DEL", other);
          assertUntouched(host, victim);
          succeed(host, "ADD", { ...other, mappings: [] });
          assertUntouched(host, victim);
        }
        succeed(host, "DEL", victim);
        assertNoPage(host, "outside", url(hostAddress.ipv4, 8080));
      });
    }
  }

  for (const [what, command] of [
    ["does not answer ARP", ["set", "eth0", "arp", "off"]],
    ["has its interface down", ["set", "eth0", "down"]],
  ] as const) {
    test(`${backend}: the ports of a container that ${what} stay its own`, beyondPeer, async (t) => {
      const host = await network(t);
      const victim = await withVictim(host, backend);
      host.inNetns("c1", "ip", ["link", ...command]);
      for (const hostIP of ["0.0.0.0", "::"]) {
        const other: Call = { backend, container: "c2", network: "other", mappings: [tcp(8080, 80, hostIP)] };
        assertRefused(host, "ADD", other, 103, isTaken);
      }
      // Nobody was asked for who has the address: that takes seconds when nobody answers.
      assert.doesNotMatch(host.run("ip", ["neighbour"]).stdout, /10\.22\.0\.2 .*(INCOMPLETE|FAILED)/);
      succeed(host, "CHECK", victim);
    });
  }

  test(`${backend}: five silent containers are not waited for`, beyondPeer, async (t) => {
    const host = await network(t);
    const silent = [2, 12, 20, 21, 22];
    for (const last of silent.slice(2)) {
      host.inNetns("c1", "ip", ["address", "add", `${addressOf(last, "ipv4")}/24`, "dev", "eth0"]);
    }
    host.inNetns("c1", "ip", ["link", "set", "eth0", "arp", "off"]);
    const mappings = silent.map((last) => tcp(8000 + last, 80, "0.0.0.0"));
    silent.forEach((last, index) => {
      const containerId = `silent${last}`;
      succeed(host, "ADD", {
        backend,
        containerId,
        network: "tenant",
        last,
        mappings: mappings.slice(index, index + 1),
      });
    });
    const before = { ...rules(host), nft: listing(host) };
    assertRefused(
      host,
      "ADD",
      { backend, container: "c2", mappings },
      103,
      /already published for .*silent2/,
    );
    assert.deepEqual({ ...rules(host), nft: listing(host) }, before);
    assert.doesNotMatch(host.run("ip", ["neighbour"]).stdout, /INCOMPLETE|FAILED/);
  });

  test(`${backend}: a living container without a veth pair keeps its ports`, beyondPeer, async (t) => {
    const host = await network(t);
    host.addNetns("far");
    // In the place of a device of the host's, or of a macvlan link, which not all kernels have.
    host.inNetns("far", "ip", ["link", "add", "eth0", "type", "bridge"]);
    host.inNetns("far", "ip", ["address", "add", `${addressOf(9, "ipv4")}/24`, "dev", "eth0"]);
    const mappings = [tcp(8080, 80, "0.0.0.0")];
    succeed(host, "ADD", { backend, containerId: "c1", last: 9, mappings });
    assertRefused(host, "ADD", { backend, container: "c2", mappings }, 103, isTaken);
    host.delNetns("far");
    succeed(host, "ADD", { backend, container: "c2", mappings });
  });

  for (const [who, made] of [
    ["ours", {}],
    ["the Go plugin's", { bin: peers }],
  ] as const) {
    const title = `${backend}: the address of a dead container (${who} rules) goes to another one, its port to a third`;
    test(title, beyondPeer, async (t) => {
      const host = await network(t);
      await serveHttp(host, "c2", 80, "c2");
      await serveHttp(host, "c3", 80, "c3");
      const dead: Call = { backend, mappings: ports };
      succeed(host, "ADD", dead, ...("bin" in made ? [made.bin] : []));
      kill(host, "c1");
      takeAddresses(host, "c2", 2);
      assertPage(host, "outside", url(hostAddress.ipv4, 8080), "c2");
      succeed(host, "ADD", { container: "c2", last: 2, backend: null, mappings: [] });
      for (const family of families) assertNoPage(host, "outside", url(hostAddress[family], 8080));
      succeed(host, "ADD", { backend, container: "c3" });
      for (const family of families) assertPage(host, "outside", url(hostAddress[family], 8080), "c3");
      assertNoPage(host, "outside", url(hostAddress.ipv4, 8443));
    });
  }

  test(
    `${backend}: the lease of a dead container's address is another one's by now`,
    beyondPeer,
    async (t) => {
      const host = await network(t);
      await serveHttp(host, "c3", 80, "c3");
      succeed(host, "ADD", { backend });
      kill(host, "c1");
      // Attached by plugins that do not look for what leads to its address.
      takeAddresses(host, "c2", 2);
      const third: Call = { backend, container: "c3" };
      assertRefused(host, "ADD", third, 103, isTaken);
      for (const family of families) {
        host.writeFile(`/var/lib/cni/networks/mynet/${addressOf(2, family)}`, "c2\r\neth0");
      }
      assertRefused(host, "ADD", third, 103, isTaken);
      mark(host, "c2", "mynet");
      succeed(host, "ADD", third);
      for (const family of families) assertPage(host, "outside", url(hostAddress[family], 8080), "c3");
    },
  );

  test(`${backend}: what the runtime has noted of a container`, beyondPeer, async (t) => {
    const host = await network(t);
    await serveHttp(host, "c3", 80, "c3");
    const note = (netns: string) =>
      cacheResult(host, { network: "mynet", containerId: "c1" }, undefined, { netns });
    succeed(host, "ADD", { backend });
    // The namespace is there, though the address is not (a virtual machine may have it).
    host.run("ip", ["link", "delete", "vethc1"]);
    note("/var/run/netns/c1");
    const third: Call = { backend, container: "c3", network: "other" };
    assertRefused(host, "ADD", third, 103, isTaken);
    host.delNetns("c1");
    // Somebody else has its address, whoever that is.
    takeAddresses(host, "c2", 2);
    note("/run/elsewhere/c1");
    assertRefused(host, "ADD", third, 103, isTaken);
    note("/var/run/netns/c1");
    succeed(host, "ADD", third);
    for (const family of families) assertPage(host, "outside", url(hostAddress[family], 8080), "c3");
  });
}

test(
  "rules that were restored when the host started, of a network that is not there",
  beyondPeer,
  async (t) => {
    const host = await network(t);
    await serveHttp(host, "c2", 80, "c2");
    const ofOld: Call = { backend: "iptables", network: "oldnet", containerId: "old" };
    succeed(host, "ADD", ofOld);
    const saved = Object.fromEntries(
      (["iptables", "ip6tables"] as const).map((tool) => {
        const text = host.run(`${tool}-save`, ["-t", "nat"]).stdout;
        return [tool, text.replaceAll("10.22.0.2:", "10.99.0.2:").replaceAll("fd00:22::2]", "fd00:99::2]")];
      }),
    );
    succeed(host, "DEL", ofOld);
    for (const [tool, input] of Object.entries(saved)) host.run(`${tool}-restore`, [], { input });
    assert.match(iptablesSave(host, "ipv4", "nat").join("\n"), /10\.99\.0\.2:80/);
    succeed(host, "ADD", { backend: "iptables", container: "c2" });
    for (const family of families) assertPage(host, "outside", url(hostAddress[family], 8080), "c2");
  },
);
