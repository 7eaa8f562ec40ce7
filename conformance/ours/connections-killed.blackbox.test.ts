/** bridge and portmap killed at any step of DEL: the next DEL leaves no tracked connection of the container. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type Host, hostFor } from "../harness/host/host.ts";
import { conntrack } from "../harness/host/inspect.ts";
import { asObject, type JsonObject } from "../harness/host/json.ts";
import { expectPeer, pluginFolder } from "../harness/plugins/binaries.ts";
import { callPlugin, type PluginCall, pluginEnvironment } from "../harness/plugins/plugin-call.ts";
import { addOutside, outsideAddresses } from "../harness/traffic/traffic.ts";

const binDir = pluginFolder();
/** More than any call sends. */
const most = 120;
const far = { ipv4: "203.0.113.9", ipv6: "2001:db8:99::9" };

type Plugin = {
  readonly name: "bridge" | "portmap";
  readonly config: JsonObject;
  /** For the DEL after the one that was killed, and for GC. */
  readonly later: JsonObject;
  /** The tracked connections that the container's address has. */
  track(host: Host, family: "ipv4" | "ipv6", address: string): void;
};

/** What `insert` has made: the kernel sends packets of its own. */
function tracked(host: Host): string[] {
  return conntrack(host).filter((line) => line.includes("port=4000"));
}

function insert(host: Host, protocol: string, tuple: readonly string[], reply: readonly string[]): void {
  const state = protocol === "tcp" ? ["--state", "ESTABLISHED"] : [];
  host.run("conntrack", ["-I", "-t", "600", "-p", protocol, ...state, ...tuple, ...reply]);
}

function bridge(backend: string): Plugin {
  const config = {
    ...{ cniVersion: "1.1.0", name: "net1", type: "bridge", bridge: "bridge0", isGateway: true },
    ...{ ipMasq: true, ipMasqBackend: backend },
    ipam: { type: "host-local", ranges: [[{ subnet: "10.1.2.0/24" }], [{ subnet: "fd00:12::/64" }]] },
  };
  return {
    ...{ name: "bridge", config, later: config },
    track(host, family, address) {
      const tuple = ["-s", address, "-d", far[family], "--sport", "4000", "--dport", "53"];
      const reply = ["--reply-src", far[family], "--reply-dst", outsideAddresses.host[family]];
      for (const protocol of ["tcp", "udp"]) {
        insert(host, protocol, tuple, [...reply, "--reply-port-src", "53", "--reply-port-dst", "4000"]);
      }
    },
  };
}

function portmap(backend: string): Plugin {
  const common = { cniVersion: "1.1.0", name: "net1", type: "portmap", backend };
  const portMappings = ["tcp", "udp"].map((protocol) => ({ hostPort: 8080, containerPort: 80, protocol }));
  return {
    ...{ name: "portmap", config: { ...common, runtimeConfig: { portMappings } }, later: common },
    track(host, family, address) {
      const tuple = [
        "-s",
        far[family],
        "-d",
        outsideAddresses.host[family],
        "--sport",
        "4000",
        "--dport",
        "8080",
      ];
      const reply = ["--reply-src", address, "--reply-dst", far[family]];
      for (const protocol of ["tcp", "udp"]) {
        insert(host, protocol, tuple, [...reply, "--reply-port-src", "80", "--reply-port-dst", "4000"]);
      }
    },
  };
}

const result = {
  cniVersion: "1.1.0",
  interfaces: [{ name: "bridge0" }, { name: "eth0", sandbox: "/run/netns/c1" }],
  ips: [
    { address: "10.1.2.7/24", interface: 1 },
    { address: "fd00:12::7/64", interface: 1 },
  ],
};

function callOf(containerId: string): Omit<PluginCall, "command"> {
  return { containerId, netns: `/run/netns/${containerId}`, ifname: "eth0" };
}

/** Attaches a container, and gives its addresses connections. Returns the result that DEL gets. */
function attach(host: Host, { name, config, track }: Plugin, containerId: string): JsonObject {
  const given = { ...config, ...(name === "portmap" ? { prevResult: result } : {}) };
  const done = callPlugin(host, `${binDir}/${name}`, { command: "ADD", ...callOf(containerId) }, given);
  assert.equal(done.status, 0, done.stdout);
  const made = asObject(done.json);
  const ips = Array.isArray(made["ips"]) ? made["ips"].map(asObject) : [];
  for (const { address } of ips) {
    const [text = ""] = String(address).split("/");
    track(host, text.includes(":") ? "ipv6" : "ipv4", text);
  }
  assert.equal(tracked(host).length, 4);
  return made;
}

function killedAt(host: Host, name: string, given: JsonObject, nth: number): boolean {
  const bin = `${binDir}/${name}`;
  const inject = `inject=sendto,sendmsg:signal=SIGKILL:when=${nth}`;
  const options = ["-f", "-qq", "-o", "/dev/null", "-e", "trace=sendto,sendmsg", "-e", inject];
  const env = pluginEnvironment(bin, { command: "DEL", ...callOf("c1") });
  return (
    host.run("strace", [...options, bin], { input: JSON.stringify(given), env, check: false }).status !== 0
  );
}

async function hostWithOutside(t: Parameters<typeof hostFor>[0]): Promise<Host> {
  const host = await hostFor(t);
  addOutside(host);
  host.addNetns("c1");
  // The kernel tracks connections once something asks it to.
  host.run("conntrack", ["-F"]);
  return host;
}

for (const backend of ["iptables", "nftables"]) {
  for (const plugin of [bridge(backend), portmap(backend)]) {
    const { name, later } = plugin;
    const bin = `${binDir}/${name}`;

    test(`${name} with ${backend}: DEL killed at each send, then DEL`, async (t) => {
      if (expectPeer) return;
      const host = await hostWithOutside(t);
      let nth = 1;
      for (; nth <= most; nth++) {
        const made = attach(host, plugin, "c1");
        const killed = killedAt(host, name, { ...plugin.config, prevResult: made }, nth);
        const call = { command: "DEL", ...callOf("c1") } as const;
        const deleted = callPlugin(host, bin, call, { ...later, prevResult: made });
        assert.deepEqual([deleted.status, deleted.stdout], [0, ""]);
        assert.deepEqual(tracked(host), [], `killed at ${nth}`);
        if (!killed) break;
      }
      assert.ok(nth <= most, "a DEL was not killed in the end");
      t.diagnostic(`${nth - 1} places`);
    });

    for (const command of ["GC", "DEL"] as const) {
      test(`${name} with ${backend}: ${command} without a result forgets connections`, async (t) => {
        if (expectPeer) return;
        const host = await hostWithOutside(t);
        attach(host, plugin, "c1");
        const call = command === "GC" ? { command } : { command, ...callOf("c1"), netns: "" };
        const given = { ...later, ...(command === "GC" ? { "cni.dev/valid-attachments": [] } : {}) };
        const done = callPlugin(host, bin, call, given);
        assert.deepEqual([done.status, done.stdout], [0, ""]);
        assert.deepEqual(tracked(host), []);
      });
    }
  }
}
