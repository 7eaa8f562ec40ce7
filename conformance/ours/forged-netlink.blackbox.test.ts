/**
 * Whoever has CAP_NET_ADMIN in a network namespace can send to the netlink sockets in it what looks like the kernel's
 * answers: a pod on the host's network, or a process in the container. Nobody but the kernel is believed.
 */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { type Forgery, startForger } from "../harness/fakes/forger.ts";
import { type Host, hostFor } from "../harness/host/host.ts";
import { conntrack, ipJson } from "../harness/host/inspect.ts";
import { asString, type JsonObject, objectList, parseObject } from "../harness/host/json.ts";
import { type Snapshot, snapshot } from "../harness/host/snapshot.ts";
import { expectPeer, pluginFolder } from "../harness/plugins/binaries.ts";
import { assertNothingLeft } from "../harness/plugins/leaks.ts";
import { type Command, callPlugin, pluginEnvironment } from "../harness/plugins/plugin-call.ts";

const options = { skip: expectPeer ? "other executables have other names and numbers" : false };
const binDir = pluginFolder();
const container = { containerId: "c1", netns: "/run/netns/c1", ifname: "eth0" };
const forgedMac = "02:66:66:66:66:66";

const bridgeConfig = {
  cniVersion: "1.1.0",
  name: "net1",
  type: "bridge",
  bridge: "bridge0",
  isDefaultGateway: true,
  ipMasq: true,
  ipMasqBackend: "nftables",
  macspoofchk: true,
  ipam: { type: "host-local", ranges: [[{ subnet: "10.1.2.0/24" }], [{ subnet: "2001:db8:5::/64" }]] },
};

interface Setting {
  readonly host: Host;
  readonly before: Snapshot;
  readonly flood: boolean;
  readonly attempt?: number;
}

/** The same with a forger that sends now and then, and with one that keeps the sockets full. */
function forging(name: string, body: (setting: Setting) => Promise<void>): void {
  for (const flood of [false, true]) {
    test(`${name}${flood ? ", in a flood" : ""}`, options, async (t: TestContext) => {
      const host = await hostFor(t);
      const before = snapshot(host);
      host.addNetns("c1");
      await body({ host, before, flood });
    });
  }
}

const delayMicroseconds = 10_000;

/** Calls a plugin that waits before each message, so that a forger comes first, and asserts that it succeeds. */
async function callBesideForger(
  setting: Setting,
  plugin: string,
  command: Command,
  { config, forgery, netns }: { config: JsonObject; forgery: Forgery; netns?: string },
): Promise<string> {
  const { host, flood, attempt = 1 } = setting;
  const forger = await startForger(host, plugin, forgery, {
    flood,
    ...(netns === undefined ? {} : { netns }),
  });
  const bin = `${binDir}/${plugin}`;
  const slowly = [
    "-qq",
    "-o",
    "/dev/null",
    "-e",
    "trace=sendto",
    "-e",
    `inject=sendto:delay_enter=${delayMicroseconds * attempt}`,
    bin,
  ];
  const { status, stdout, stderr } = await host.runAsync("strace", slowly, {
    input: JSON.stringify(config),
    env: pluginEnvironment(bin, { command, ...container }),
    check: false,
  });
  assert.deepEqual([status, stderr], [0, ""], stdout);
  await forger.stop();
  if (forgery[0] === "groups" || forger.tried.length > 0) return stdout;
  // These ask for little, and may be called again: on a busy machine the forger may come too late.
  assert.ok(plugin !== "bridge" && attempt < 20, "the forger did not try");
  const again = { config, forgery, ...(netns && { netns }) };
  return callBesideForger({ ...setting, attempt: attempt + 1 }, plugin, command, again);
}

function call(host: Host, plugin: string, command: Command, config: JsonObject): JsonObject {
  const { status, stdout, stderr } = callPlugin(
    host,
    `${binDir}/${plugin}`,
    { command, ...container },
    config,
  );
  assert.deepEqual([status, stderr], [0, ""], stdout);
  return stdout === "" ? {} : parseObject(stdout);
}

/** A folder of the host in which these sysctls are links to a file that is root's. Returns a name that leads there. */
function trap(host: Host, ...sysctls: readonly string[]): string {
  const folder = host.tempDir();
  host.writeFile("/run/secret", "root's", 0o600);
  for (const sysctl of sysctls) host.run("ln", ["-s", "/run/secret", `${folder}/${sysctl}`]);
  return `../../../../../..${folder}`;
}

function assertRealLinks(host: Host, result: string): void {
  const [bridge, hostEnd, containerEnd] = objectList(parseObject(result)["interfaces"]);
  const macOf = (name: unknown, netns?: string) =>
    ipJson(host, ["link", "show", asString(name)], netns)[0]?.["address"];
  assert.deepEqual(
    [bridge?.["name"], bridge?.["mac"], hostEnd?.["mac"], containerEnd?.["mac"]],
    ["bridge0", macOf("bridge0"), macOf(hostEnd?.["name"]), macOf("eth0", "c1")],
  );
}

function assertGone({ host, before }: Setting): void {
  host.delNetns("c1");
  assertNothingLeft(host, before, "bridge0", "after DEL");
}

forging("ADD of bridge, links forged in the host", async (setting) => {
  const { host } = setting;
  const forgery = ["route", trap(host, "accept_ra"), forgedMac, "99"] as const;
  const result = await callBesideForger(setting, "bridge", "ADD", { config: bridgeConfig, forgery });
  assert.equal(host.readFile("/run/secret"), "root's");
  assertRealLinks(host, result);
  call(host, "bridge", "DEL", bridgeConfig);
  host.run("rm", ["/run/secret"]);
  assertGone(setting);
});

forging("ADD of bridge, links forged in the container: true MACs in result and rules", async (setting) => {
  const { host } = setting;
  const forgery = ["route", "eth0", forgedMac, "2"] as const;
  const result = await callBesideForger(setting, "bridge", "ADD", {
    config: bridgeConfig,
    forgery,
    netns: "c1",
  });
  assertRealLinks(host, result);
  assert.ok(!host.run("nft", ["list", "ruleset"]).stdout.includes(forgedMac));
  assert.equal(host.inNetns("c1", "ping", ["-c1", "-W5", "10.1.2.1"], { check: false }).status, 0);
  call(host, "bridge", "DEL", bridgeConfig);
  assertGone(setting);
});

forging("ADD of bridge while its monitor is told of links that are not there", async (setting) => {
  const { host } = setting;
  const result = await callBesideForger(setting, "bridge", "ADD", {
    config: bridgeConfig,
    forgery: ["groups"],
  });
  assertRealLinks(host, result);
  const [, hostEnd] = objectList(parseObject(result)["interfaces"]);
  const [link] = ipJson(host, ["link", "show", asString(hostEnd?.["name"])]);
  assert.equal(link?.["operstate"], "UP");
  call(host, "bridge", "DEL", bridgeConfig);
  assertGone(setting);
});

for (const [errno, what] of [
  ["2", "there is nothing"],
  ["0", "all is done"],
] as const) {
  forging(`DEL of bridge, nf_tables forged to say that ${what}`, async (setting) => {
    call(setting.host, "bridge", "ADD", bridgeConfig);
    const forgery = ["netfilter", errno] as const;
    await callBesideForger(setting, "bridge", "DEL", { config: bridgeConfig, forgery });
    assertGone(setting);
  });

  forging(`DEL of bridge with iptables, conntrack forged to say that ${what}`, async (setting) => {
    const { host } = setting;
    const config = { ...bridgeConfig, ipMasqBackend: "iptables", macspoofchk: false };
    const ips = objectList(call(host, "bridge", "ADD", config)["ips"]);
    for (const { address } of ips) {
      const [source = ""] = asString(address).split("/");
      const far = source.includes(":") ? "2001:db8:ffff::7" : "192.0.2.7";
      const ends = ["-s", source, "-d", far, "--sport", "4000", "--dport", "53"];
      host.run("conntrack", ["-I", "-t", "600", "-p", "udp", ...ends]);
    }
    const tracked = () => conntrack(host).filter((line) => line.includes("dport=53"));
    assert.equal(tracked().length, 2);
    await callBesideForger(setting, "bridge", "DEL", { config, forgery: ["netfilter", errno] });
    assert.deepEqual(tracked(), []);
    assertGone(setting);
  });
}

forging("ADD of portmap, links forged in the host", async (setting) => {
  const { host } = setting;
  const added = call(host, "bridge", "ADD", bridgeConfig);
  const config = {
    ...{ cniVersion: "1.1.0", name: "net1", type: "portmap", backend: "nftables", prevResult: added },
    runtimeConfig: { portMappings: [{ hostPort: 8080, containerPort: 80, protocol: "tcp" }] },
  };
  const forgery = ["route", trap(host, "route_localnet"), forgedMac, "99"] as const;
  await callBesideForger(setting, "portmap", "ADD", { config, forgery });
  assert.equal(host.readFile("/run/secret"), "root's");
  call(host, "portmap", "CHECK", config);
  call(host, "portmap", "DEL", config);
  call(host, "bridge", "DEL", bridgeConfig);
  host.run("rm", ["/run/secret"]);
  assertGone(setting);
});

forging("ADD of loopback, links forged in the container", async (setting) => {
  const { host } = setting;
  const config = { cniVersion: "1.1.0", name: "lo", type: "loopback" };
  const forgery = ["route", "lo", forgedMac, "99"] as const;
  await callBesideForger(setting, "loopback", "ADD", { config, forgery, netns: "c1" });
  assert.ok(String(ipJson(host, ["link", "show", "lo"], "c1")[0]?.["flags"]).includes("UP"));
});
