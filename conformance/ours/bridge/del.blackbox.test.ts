/** DEL and GC of bridge find what is theirs by marks that no container can make, and take nothing else. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type Host, hostFor } from "../../harness/host/host.ts";
import { ipJson, leases } from "../../harness/host/inspect.ts";
import { asObject, asString, type JsonObject, objectList } from "../../harness/host/json.ts";
import { snapshot } from "../../harness/host/snapshot.ts";
import { expectPeer, pluginFolder } from "../../harness/plugins/binaries.ts";
import { assertNothingLeft } from "../../harness/plugins/leaks.ts";
import { ensurePeer } from "../../harness/plugins/peers.ts";
import { type Command, callPlugin, pluginEnvironment } from "../../harness/plugins/plugin-call.ts";

const binDir = pluginFolder();
const bin = `${binDir}/bridge`;
const peer = `${ensurePeer().binDir}/bridge`;
const beyondPeer = { skip: expectPeer };

const ranges = [[{ subnet: "10.1.2.0/24" }], [{ subnet: "2001:db8:5::/64" }]];
const config = (extra: JsonObject = {}): JsonObject => ({
  cniVersion: "1.1.0",
  name: "net1",
  type: "bridge",
  bridge: "br0",
  isGateway: true,
  ipMasq: true,
  ipam: { type: "host-local", ranges },
  ...extra,
});

type Call = {
  container?: string;
  netns?: string;
  ifname?: string;
  executable?: string;
};

/** Calls, and asserts success. */
function call(host: Host, command: Command, conf: JsonObject, options: Call = {}): JsonObject {
  const { container = "c1", netns = `/run/netns/${container}`, ifname = "eth0", executable = bin } = options;
  const place = { containerId: container, netns, ifname, path: binDir };
  const response = callPlugin(host, executable, { command, ...place }, conf);
  assert.deepEqual([response.status, response.stderr], [0, ""], response.stdout);
  return response.json === undefined ? {} : asObject(response.json);
}

function collect(host: Host, conf: JsonObject, valid: readonly string[]): void {
  const list = valid.map((containerID) => ({ containerID, ifname: "eth0" }));
  const response = callPlugin(
    host,
    bin,
    { command: "GC", path: binDir },
    { ...conf, "cni.dev/valid-attachments": list },
  );
  assert.deepEqual([response.status, response.stdout], [0, ""]);
}

function veths(host: Host, netns?: string): string[] {
  return ipJson(host, ["link", "show", "type", "veth"], netns).map(({ ifname }) => asString(ifname));
}

function hostEnd(result: JsonObject): string {
  return asString(objectList(result["interfaces"])[1]?.["name"]);
}

function ping(host: Host, container: string): void {
  host.inNetns(container, "ping", ["-c1", "-W2", "10.1.2.1"]);
}

/** What the owner of a container can do with its addresses. */
const moves: Record<string, readonly string[]> = {
  "its addresses on lo as well": [
    "address add 10.1.2.2/32 dev lo",
    "address add 2001:db8:5::2/128 dev lo nodad",
  ],
  "eth0 renamed, its addresses on another link (KubeVirt)": [
    "link set eth0 down",
    "link set eth0 name eth0-nic",
    "address flush dev eth0-nic",
    "link add eth0 type bridge",
    "link set eth0 up",
    "address add 10.1.2.2/24 dev eth0",
    "address add 2001:db8:5::2/64 dev eth0 nodad",
  ],
};

for (const backend of ["iptables", "nftables"]) {
  for (const [what, commands] of Object.entries(moves)) {
    for (const told of [true, false]) {
      const name = `${backend}: DEL leaves no rule of a container that has ${what}`;
      test(`${name}, ${told ? "with" : "without"} prevResult`, beyondPeer, async (t) => {
        const host = await hostFor(t);
        host.addNetns("c1");
        const conf = config({ ipMasqBackend: backend });
        const before = snapshot(host);
        const prevResult = call(host, "ADD", conf);
        host.run("ip", ["-batch", "-"], { netns: "c1", input: commands.join("\n") });
        call(host, "DEL", { ...conf, ...(told && { prevResult }) });
        for (const link of ["eth0", "eth0-nic"])
          host.run("ip", ["link", "del", link], { netns: "c1", check: false });
        assertNothingLeft(host, before, "br0", "after DEL");
      });
    }
  }
}

/** Gives addresses by the interface's name, and keeps no leases. */
const statelessIpam = `#!/bin/sh
[ "$CNI_COMMAND" = ADD ] || exit 0
echo '{"cniVersion":"1.0.0","ips":[{"address":"10.1.2.'$((2 + \${CNI_IFNAME#eth}))'/24"}]}'
`;

for (const ipam of ["host-local", "stateless"]) {
  test(
    `DEL keeps the rules of the container's other attachment, wherever its address is (${ipam})`,
    beyondPeer,
    async (t) => {
      const host = await hostFor(t);
      host.addNetns("c1");
      host.writeFile("/run/test/ipam/stateless", statelessIpam, 0o755);
      const conf = config({
        ipMasqBackend: "iptables",
        ipam: { type: ipam, ranges: ranges.slice(0, 1) },
      });
      const path = `${binDir}:/run/test/ipam`;
      const results = ["eth0", "eth1"].map((ifname) => {
        const response = callPlugin(
          host,
          bin,
          { command: "ADD", containerId: "c1", netns: "/run/netns/c1", ifname, path },
          conf,
        );
        assert.equal(response.status, 0, response.stdout);
        return asObject(response.json);
      });
      const rules = (): string => host.run("iptables-save", ["-t", "nat"]).stdout;
      host.run("ip", ["address", "del", "10.1.2.3/24", "dev", "eth1"], { netns: "c1" });
      host.run("ip", ["address", "add", "10.1.2.2/32", "dev", "lo"], { netns: "c1" });
      const del = (ifname: string, extra: JsonObject = {}): void => {
        const place = { command: "DEL", containerId: "c1", netns: "/run/netns/c1", ifname, path } as const;
        assert.equal(callPlugin(host, bin, place, { ...conf, ...extra }).status, 0);
      };
      del("eth0", { prevResult: results[0] });
      assert.match(rules(), /-A POSTROUTING -s 10\.1\.2\.3\/32 /);
      assert.doesNotMatch(rules(), /10\.1\.2\.2\/32/);
      assert.match(rules(), /MASQUERADE/);
      del("eth1");
      assert.doesNotMatch(rules(), /CNI-[0-9a-f]/);
    },
  );
}

/** Where CNI_NETNS leads when it is not the container's any more. */
const elsewhere: Record<string, string> = {
  "the host's own namespace": "/proc/1/ns/net",
  "a plain file": "/run/test/plain",
  "a namespace of another kind": "/proc/1/ns/mnt",
  "another container's namespace": "/run/netns/c2",
};

for (const [what, netns] of Object.entries(elsewhere)) {
  for (const [who, executable] of [
    ["us", bin],
    ["the Go plugin", peer],
  ] as const) {
    test(`DEL with CNI_NETNS that is ${what} by now, attached by ${who}`, beyondPeer, async (t) => {
      const host = await hostFor(t);
      host.writeFile("/run/test/plain", "");
      for (const name of ["c1", "c2"]) host.addNetns(name);
      const conf = config({ ipMasqBackend: "iptables" });
      const other = call(host, "ADD", conf, { container: "c2", executable });
      const before = snapshot(host);
      const prevResult = call(host, "ADD", conf, { executable });
      if (executable === peer) {
        // What the container has goes with its namespace.
        host.run("ip", ["link", "del", "eth0"], { netns: "c1" });
      }
      for (const extra of [{ prevResult }, {}]) {
        call(host, "DEL", { ...conf, ...extra }, { netns });
        assert.deepEqual(veths(host, "c1"), []);
        assertNothingLeft(host, before, "br0", "after DEL");
      }
      ping(host, "c2");
      call(host, "CHECK", { ...conf, prevResult: other }, { container: "c2" });
    });
  }
}

for (const told of [true, false]) {
  test(
    `DEL removes what the Go plugin attached, ${told ? "with" : "without"} prevResult`,
    beyondPeer,
    async (t) => {
      const host = await hostFor(t);
      host.addNetns("c1");
      const conf = config({ ipMasqBackend: "iptables" });
      const prevResult = call(host, "ADD", conf, { executable: peer });
      call(host, "DEL", { ...conf, ...(told && { prevResult }) });
      assert.deepEqual([veths(host), veths(host, "c1")], [[], []]);
    },
  );
}

test("DEL without a namespace, and GC, find the host's end that somebody renamed", beyondPeer, async (t) => {
  const host = await hostFor(t);
  const conf = config();
  for (const [index, name] of ["c1", "c2", "c3"].entries()) {
    host.addNetns(name);
    const end = hostEnd(call(host, "ADD", conf, { container: name }));
    host.run("ip", ["link", "set", end, "down"]);
    host.run("ip", ["link", "set", end, "name", `renamed${index}`]);
    host.run("ip", ["link", "set", `renamed${index}`, "up"]);
  }
  call(host, "DEL", conf, { netns: "" });
  assert.deepEqual(veths(host), ["renamed1", "renamed2"]);
  collect(host, conf, ["c2"]);
  assert.deepEqual(veths(host), ["renamed1"]);
});

for (const length of [300, 4_100, 100_000]) {
  test(
    `a container ID of ${length} characters: DEL and GC find link and lease, and keep a living one's`,
    beyondPeer,
    async (t) => {
      const host = await hostFor(t);
      for (const name of ["c1", "c2", "c3"]) host.addNetns(name);
      const conf = config({ ipMasq: false });
      const ids = ["a", "b", "c"].map((end) => "x".repeat(length - 1) + end);
      const results = ids.map((container, index) =>
        call(host, "ADD", conf, { container, netns: `/run/netns/c${index + 1}` }),
      );
      const ends = results.map(hostEnd);
      collect(host, conf, ids.slice(0, 2));
      assert.deepEqual(veths(host).sort(), ends.slice(0, 2).sort());
      assert.equal(leases(host, "net1").length, 4);
      collect(host, { ...conf, name: "net2" }, []);
      assert.equal(veths(host).length, 2);
      call(host, "DEL", conf, { container: ids[0] ?? "", netns: "" });
      assert.deepEqual(veths(host), ends.slice(1, 2));
      assert.equal(leases(host, "net1").length, 2);
      call(
        host,
        "CHECK",
        { ...conf, prevResult: results[1] ?? {} },
        { container: ids[1] ?? "", netns: "/run/netns/c2" },
      );
      collect(host, conf, []);
      assert.deepEqual(veths(host), []);
      assert.equal(leases(host, "net1").length, 0);
    },
  );
}

test(
  "ADD killed at each message, then GC: no link is left, and a living container keeps its own",
  beyondPeer,
  async (t) => {
    const host = await hostFor(t);
    const conf = config({ ipMasq: false });
    host.addNetns("alive");
    call(host, "ADD", conf, { container: "alive" });
    const before = veths(host);
    host.addNetns("c1");
    const most = 80;
    let nth = 1;
    for (let killed = true; killed && nth <= most; nth++) {
      const inject = `inject=sendto:signal=SIGKILL:when=${nth}`;
      const place = { command: "ADD", containerId: "c1", netns: "/run/netns/c1", ifname: "eth0" } as const;
      const done = host.run("strace", ["-qq", "-o", "/dev/null", "-e", "trace=sendto", "-e", inject, bin], {
        input: JSON.stringify(conf),
        env: pluginEnvironment(bin, place),
        check: false,
      });
      killed = done.status !== 0;
      // GC of another network leaves it to its own.
      const made = veths(host);
      collect(host, { ...conf, name: "net2" }, []);
      assert.deepEqual(veths(host), made);
      collect(host, conf, ["alive", "c1"]);
      assert.deepEqual(veths(host), made, `valid, killed at ${nth}`);
      collect(host, conf, ["alive"]);
      assert.deepEqual(veths(host), before, `killed at ${nth}`);
      assert.deepEqual(veths(host, "c1"), []);
    }
    assert.ok(nth <= most);
    t.diagnostic(`${nth - 2} places`);
    ping(host, "alive");
    const [end] = ipJson(host, ["link", "show", "dev", before[0] ?? ""]);
    assert.equal(end?.["group"], "default");
  },
);
