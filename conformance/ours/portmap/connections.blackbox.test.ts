/** Tracked UDP connections do not outlive the rules that they were made by, and others are left alone. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Host } from "../../harness/host/host.ts";
import { conntrack } from "../../harness/host/inspect.ts";
import { addOutside, outsideAddresses } from "../../harness/traffic/traffic.ts";
import { beyondPeer, hostWith, ours, succeed, tcp, udp, v4, v6 } from "./setting.ts";

const { ipv4: local, ipv6: local6 } = outsideAddresses.host;
const client = "172.16.0.9";
const foreign = "198.51.100.7";

function track(host: Host, protocol: string, destination: string, port: number, translatedTo?: string): void {
  const source = destination.includes(":") ? "2001:db8:9::9" : client;
  const state = protocol === "tcp" ? ["--state", "ESTABLISHED"] : [];
  const [, address = "", toPort = ""] = /^(.*):(\d+)$/.exec(translatedTo ?? "") ?? [];
  const reply =
    translatedTo === undefined
      ? []
      : [
          "--reply-src",
          address,
          "--reply-dst",
          source,
          "--reply-port-src",
          toPort,
          "--reply-port-dst",
          "4000",
        ];
  const tuple = ["-s", source, "-d", destination, "--sport", "4000", "--dport", `${port}`];
  host.run("conntrack", ["-I", "-t", "600", "-p", protocol, ...state, ...tuple, ...reply]);
}

/** `protocol destination:port` of all tracked connections. */
function tracked(host: Host): string[] {
  return conntrack(host)
    .map((line) => /^(\w+).*? dst=(\S+) .*?dport=(\d+)/.exec(line) ?? [])
    .map(([, protocol, destination, port]) => `${protocol} ${destination}:${port}`)
    .sort();
}

test("ADD forgets connections to the published port of this host only", beyondPeer, async (t) => {
  const host = await hostWith(t, "nft");
  addOutside(host);
  track(host, "udp", local, 5353);
  track(host, "udp", "127.0.0.1", 5353);
  track(host, "udp", local6, 5353);
  track(host, "udp", "203.0.113.5", 5353, "10.0.0.2:53");
  const kept = ["udp 192.0.2.1:5354", "udp 198.51.100.7:5353", "tcp 192.0.2.1:5353"];
  track(host, "udp", local, 5354);
  track(host, "udp", foreign, 5353);
  track(host, "tcp", local, 5353);
  succeed(host, ours, "ADD", { mappings: [udp(5353, 53), tcp(5353, 53)], ips: [v4, v6] });
  assert.deepEqual(tracked(host), kept.sort());
});

test("ADD with a host address forgets connections to that address only", beyondPeer, async (t) => {
  const host = await hostWith(t, "nft");
  addOutside(host);
  track(host, "udp", local, 5353);
  track(host, "udp", "127.0.0.1", 5353);
  succeed(host, ours, "ADD", { mappings: [{ ...udp(5353, 53), hostIP: local }] });
  assert.deepEqual(tracked(host), ["udp 127.0.0.1:5353"]);
});

test("ADD with many ports forgets the same connections", beyondPeer, async (t) => {
  const host = await hostWith(t, "nft");
  addOutside(host);
  const ports = Array.from({ length: 20 }, (_, index) => 5000 + index);
  for (const port of [5000, 5019, 5020]) track(host, "udp", local, port);
  succeed(host, ours, "ADD", { mappings: ports.map((port) => udp(port, port)) });
  assert.deepEqual(tracked(host), ["udp 192.0.2.1:5020"]);
});

test("DEL forgets connections that lead to the container only", beyondPeer, async (t) => {
  const host = await hostWith(t, "nft");
  addOutside(host);
  succeed(host, ours, "ADD", { mappings: [udp(5353, 53), udp(5354, 54)], ips: [v4, v6] });
  track(host, "udp", local, 5353, "10.0.0.2:53");
  track(host, "udp", "127.0.0.1", 5354, "10.0.0.2:54");
  track(host, "udp", local6, 5353, "2001:db8:1::2:53");
  track(host, "udp", "192.0.2.77", 5353, "10.0.0.3:53");
  track(host, "udp", foreign, 5353);
  track(host, "udp", local, 9999, "10.0.0.2:99");
  succeed(host, ours, "DEL", { mappings: [], ips: [v4, v6] });
  assert.deepEqual(tracked(host), ["udp 192.0.2.1:9999", "udp 192.0.2.77:5353", "udp 198.51.100.7:5353"]);
});

test(
  "DEL after the rules were flushed forgets what still leads to the dead container, and no more",
  beyondPeer,
  async (t) => {
    for (const backend of ["iptables", "nftables"]) {
      const host = await hostWith(t, "nft");
      addOutside(host);
      const setting = { mappings: [udp(5353, 53), tcp(8080, 80)], ips: [v4, v6], keys: { backend } };
      succeed(host, ours, "ADD", setting);
      track(host, "udp", local, 5353, "10.0.0.2:53");
      track(host, "udp", local6, 5353, "2001:db8:1::2:53");
      const kept = ["udp 192.0.2.1:5354", "udp 203.0.113.5:5353", "udp 192.0.2.1:5355"];
      track(host, "udp", local, 5354, "10.0.0.2:54");
      track(host, "udp", "203.0.113.5", 5353, "10.0.0.3:53");
      track(host, "udp", local, 5355);
      host.run("nft", ["flush", "ruleset"]);
      succeed(host, ours, "DEL", setting);
      assert.deepEqual(tracked(host), kept.sort(), backend);
    }
  },
);
