/** ipMasq leaves alone what does not leave the network, also where rules see what goes from port to port. */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { type Host, hostFor } from "../../harness/host/host.ts";
import type { JsonObject } from "../../harness/host/json.ts";
import { expectPeer, pluginFolder } from "../../harness/plugins/binaries.ts";
import { callPlugin } from "../../harness/plugins/plugin-call.ts";
import { frame, macOf, sendFrame, udpPacket } from "../../harness/traffic/frames.ts";

const beyondPeer = { skip: expectPeer ? "the Go plugin differs here" : false };
const binDir = pluginFolder();

function attach(host: Host, container: string, keys: JsonObject): void {
  const target = { containerId: container, netns: host.addNetns(container), ifname: "eth0", path: binDir };
  const config = {
    cniVersion: "1.1.0",
    name: "net1",
    type: "bridge",
    bridge: "bridge0",
    ipMasq: true,
    ...keys,
  };
  const { status, stdout } = callPlugin(host, `${binDir}/bridge`, { command: "ADD", ...target }, config);
  assert.equal(status, 0, stdout);
}

/** A host whose rules see frames between the ports of a bridge, with c1 and c2 on one. */
async function network(t: TestContext, keys: JsonObject): Promise<Host | undefined> {
  const host = await hostFor(t);
  for (const tool of ["iptables", "ip6tables"]) {
    const set = host.run("sysctl", ["-qw", `net.bridge.bridge-nf-call-${tool}=1`], { check: false });
    if (set.status === 0) continue;
    t.skip("the kernel has no br_netfilter");
    return undefined;
  }
  for (const container of ["c1", "c2"]) attach(host, container, keys);
  return host;
}

/** How many packets c2 has got for UDP port 9999, by their source. */
function counted(host: Host): { own: number; others: number } {
  const listing = host.inNetns("c2", "nft", ["list", "counters"]).stdout;
  const count = (name: string) =>
    Number(new RegExp(`counter ${name} \\{\\s*packets (\\d+)`).exec(listing)?.[1] ?? Number.NaN);
  return { own: count("own"), others: count("others") };
}

const rules = (source: string) => `
table ip look {
  counter own {}
  counter others {}
  chain seen {
    type filter hook prerouting priority -400
    udp dport 9999 ip saddr ${source} counter name own
    udp dport 9999 ip saddr != ${source} counter name others
  }
}`;

for (const ipMasqBackend of ["iptables", "nftables"] as const) {
  test(`${ipMasqBackend}: neighbours see who has sent a broadcast`, beyondPeer, async (t) => {
    const ranges = [[{ subnet: "10.1.2.0/24" }]];
    const host = await network(t, {
      ipMasqBackend,
      isDefaultGateway: true,
      ipam: { type: "host-local", ranges },
    });
    if (host === undefined) return;
    host.inNetns("c2", "nft", ["-f", "-"], { input: rules("10.1.2.2") });
    const destinations = [
      ["ff:ff:ff:ff:ff:ff", "255.255.255.255"],
      ["ff:ff:ff:ff:ff:ff", "10.1.2.255"],
      ["01:00:5e:00:00:fb", "224.0.0.251"],
    ] as const;
    for (const [mac, to] of destinations) {
      sendFrame(
        host,
        "c1",
        frame(mac, macOf(host, { netns: "c1" }), 0x0800, udpPacket("10.1.2.2", to, 9999, to)),
      );
    }
    // What is sent afterwards arrives afterwards.
    host.inNetns("c1", "ping", ["-c1", "-W30", "10.1.2.3"]);
    assert.deepEqual(counted(host), { own: 3, others: 0 });
  });
}

test("iptables: neighbours in a container's second network see its address there", beyondPeer, async (t) => {
  const ranges = [[{ subnet: "10.1.2.0/24" }], [{ subnet: "10.1.3.0/24" }]];
  const host = await network(t, { ipMasqBackend: "iptables", ipam: { type: "host-local", ranges } });
  if (host === undefined) return;
  // It is what packets would be translated to.
  host.run("ip", ["address", "add", "10.1.3.1/24", "dev", "bridge0"]);
  host.inNetns("c2", "nft", ["-f", "-"], { input: rules("10.1.3.2") });
  const [to, from] = [macOf(host, { netns: "c2" }), macOf(host, { netns: "c1" })];
  sendFrame(host, "c1", frame(to, from, 0x0800, udpPacket("10.1.3.2", "10.1.3.3", 9999, "hello")));
  host.inNetns("c1", "ping", ["-c1", "-W30", "10.1.2.3"]);
  assert.deepEqual(counted(host), { own: 1, others: 0 });
});
