/** ADDs of bridge that fail late: what another container uses by then stays, at every moment. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { type Host, hostFor } from "../../harness/host/host.ts";
import { ipJson } from "../../harness/host/inspect.ts";
import { asObject, type JsonObject, objectList } from "../../harness/host/json.ts";
import { waitUntil } from "../../harness/host/wait.ts";
import { expectPeer, pluginFolder } from "../../harness/plugins/binaries.ts";
import {
  type Command,
  callPlugin,
  callPluginAsync,
  type PluginCall,
  type PluginResponse,
  pluginEnvironment,
} from "../../harness/plugins/plugin-call.ts";

const binDir = pluginFolder();
const bin = `${binDir}/bridge`;
const v4 = [{ subnet: "10.1.2.0/24" }];
const v6 = [{ subnet: "2001:db8:5::/64" }];
const log = "/run/test/strace";
/** More than any call makes. */
const most = 120;

const config = (ranges: unknown, extra: JsonObject = {}): JsonObject => ({
  cniVersion: "1.0.0",
  name: "net1",
  type: "bridge",
  bridge: "br0",
  isGateway: true,
  ipam: { type: "host-local", ranges },
  ...extra,
});

const call = (command: Command, container: string): PluginCall => ({
  command,
  containerId: container,
  netns: `/run/netns/${container}`,
  ifname: "eth0",
});

/** The host does not let anybody switch on forwarding of a family: the last thing that an ADD for it does. */
function refuseForwarding(host: Host, path: string): void {
  host.run("mount", ["--bind", path, path]);
  host.run("mount", ["-o", "remount,bind,ro", path]);
}

/** Starts an ADD under strace, which stops it behind the nth message to the kernel. */
function startStopping(
  host: Host,
  conf: JsonObject,
  container: string,
  nth: number,
): Promise<PluginResponse> {
  host.writeFile(log, "");
  const inject = `inject=sendto:signal=SIGSTOP:when=${nth}`;
  const args = ["-q", "-o", log, "-e", "trace=sendto", "-e", inject, bin];
  const options = { input: JSON.stringify(conf), env: pluginEnvironment(bin, call("ADD", container)) };
  return host
    .runAsync("strace", args, { ...options, check: false })
    .then((done) => ({ ...done, json: undefined }));
}

function checkOf(host: Host, conf: JsonObject, added: PluginResponse, container: string): PluginResponse {
  return callPlugin(host, bin, call("CHECK", container), { ...conf, prevResult: added.json });
}

/** Packets to the gateway while something happens. Returns how many were lost. */
async function lostWhile(host: Host, container: string, action: () => Promise<unknown>): Promise<number> {
  const ping = host.spawn("ping", ["-i", "0.02", "10.1.2.1"], { netns: container });
  let text = "";
  ping.stdout.setEncoding("utf8").on("data", (part: string) => {
    text += part;
  });
  const ended = once(ping, "close");
  await waitUntil("an answer", () => text.includes("icmp_seq=2 "));
  await action();
  // Some that were sent behind it.
  const seen = text.split("\n").length;
  await waitUntil("an answer afterwards", () => text.split("\n").length > seen + 2, 3000).catch(
    () => undefined,
  );
  // Not the process that has entered the namespaces for it.
  host.run("pkill", ["-INT", "-x", "ping"]);
  await ended;
  const [, sent = "0", received = "0"] = /(\d+) packets transmitted, (\d+) received/.exec(text) ?? [];
  return Number(sent) - Number(received);
}

test("an ADD fails late: a container attached at any moment of it loses nothing", async (t) => {
  if (expectPeer) return;
  const host = await hostFor(t);
  for (const name of ["c1", "c2"]) host.addNetns(name);
  refuseForwarding(host, "/proc/sys/net/ipv6/conf/all/forwarding");
  const failing = config([v4, v6]);
  const other = config([v4]);
  let nth = 1;
  for (let isStopped = true; isStopped && nth <= most; nth++) {
    const when = `stopped behind message ${nth}`;
    let ended = false;
    const first = startStopping(host, failing, "c1", nth).finally(() => {
      ended = true;
    });
    await waitUntil(when, () => {
      isStopped = host.readFile(log).includes("stopped by SIGSTOP");
      return isStopped || ended;
    });
    const pid = host.run("pgrep", ["-o", "-f", `^${bin}$`], { check: false }).stdout.trim();
    const goOn = async (): Promise<void> => {
      if (isStopped) host.run("kill", ["-CONT", pid]);
      const { status, stdout } = await first;
      assert.equal(status, 1, `${when}: ${stdout}`);
      assert.match(stdout, /forwarding/, when);
    };
    const second = callPluginAsync(host, bin, call("ADD", "c2"), other);
    // It may have to wait for the first one.
    const early = await Promise.race([second, delay(1000, undefined, { ref: false })]);
    if (early?.status === 0) {
      assert.ok((await lostWhile(host, "c2", goOn)) <= 1, `${when}: packets were lost`);
    } else await goOn();
    const response = await second;
    assert.equal(response.status, 0, `${when}: ${response.stdout}`);
    const checked = checkOf(host, other, response, "c2");
    assert.equal(checked.stdout, "", when);
    host.inNetns("c2", "ping", ["-c1", "-W2", "10.1.2.1"]);
    assert.deepEqual(ipJson(host, ["link", "show", "type", "veth"], "c1"), [], when);
    for (const [name, conf] of [
      ["c2", other],
      ["c1", failing],
    ] as const)
      assert.equal(callPlugin(host, bin, call("DEL", name), conf).status, 0);
    host.run("ip", ["link", "del", "br0"]);
  }
  assert.ok(nth <= most, "an ADD was not stopped in the end");
  t.diagnostic(`${nth - 2} places`);
});

test("an ADD fails late and nobody else is there: nothing of it is left", async (t) => {
  if (expectPeer) return;
  const host = await hostFor(t);
  host.addNetns("c1");
  refuseForwarding(host, "/proc/sys/net/ipv4/ip_forward");
  assert.equal(callPlugin(host, bin, call("ADD", "c1"), config([v4])).status, 1);
  assert.deepEqual(ipJson(host, ["link", "show", "type", "bridge"]), []);
  host.run("ip", ["link", "add", "br0", "type", "bridge"]);
  assert.equal(callPlugin(host, bin, call("ADD", "c1"), config([v4])).status, 1);
  assert.deepEqual(ipJson(host, ["-4", "address", "show", "dev", "br0"]), []);
});

test("forceAddress: an ADD that fails leaves addresses in their order, and routes through them", async (t) => {
  if (expectPeer) return;
  const host = await hostFor(t);
  host.addNetns("c1");
  refuseForwarding(host, "/proc/sys/net/ipv4/ip_forward");
  host.run("ip", ["link", "add", "br0", "up", "type", "bridge"]);
  for (const address of ["10.9.0.1/16", "10.9.0.3/16", "10.1.2.9/24"])
    host.run("ip", ["address", "add", address, "dev", "br0"]);
  host.run("ip", ["route", "add", "192.0.2.0/24", "via", "10.9.0.7"]);
  host.run("ip", ["route", "add", "198.51.100.0/24", "dev", "br0", "src", "10.1.2.9"]);
  const state = (): string[] =>
    [
      ["-o", "-4", "address", "show", "dev", "br0"],
      ["route", "show"],
    ].map((args) => host.run("ip", args).stdout.replaceAll(/ linkdown/g, ""));
  const before = state();
  const failed = callPlugin(host, bin, call("ADD", "c1"), config([v4], { forceAddress: true }));
  assert.equal(failed.status, 1, failed.stdout);
  assert.deepEqual(state(), before);
});

for (const promoted of ["0", "1"]) {
  test(`forceAddress replaces an address of the same subnet (promote_secondaries=${promoted})`, async (t) => {
    if (expectPeer) return;
    const host = await hostFor(t);
    host.addNetns("c1");
    host.run("ip", ["link", "add", "br0", "up", "type", "bridge"]);
    host.run("sysctl", ["-w", `net.ipv4.conf.br0.promote_secondaries=${promoted}`]);
    host.run("ip", ["address", "add", "10.1.2.9/24", "dev", "br0"]);
    const conf = config([v4], { forceAddress: true });
    const added = callPlugin(host, bin, call("ADD", "c1"), conf);
    assert.equal(added.status, 0, added.stdout);
    const [shown] = ipJson(host, ["-4", "address", "show", "dev", "br0"]);
    assert.deepEqual(
      objectList(shown?.["addr_info"]).map(({ local, secondary }) => [local, secondary]),
      [["10.1.2.1", undefined]],
    );
    assert.equal(host.run("sysctl", ["-n", "net.ipv4.conf.br0.promote_secondaries"]).stdout.trim(), promoted);
    host.inNetns("c1", "ping", ["-c1", "-W2", "10.1.2.1"]);
  });
}

test("two IPv4 range sets: the bridge gets the gateway address of each", async (t) => {
  if (expectPeer) return;
  const host = await hostFor(t);
  for (const name of ["c1", "c2"]) host.addNetns(name);
  for (const name of ["c1", "c2"]) {
    const added = callPlugin(host, bin, call("ADD", name), config([v4, [{ subnet: "10.3.0.0/16" }]]));
    assert.equal(added.status, 0, added.stdout);
    host.inNetns(name, "ping", ["-c1", "-W2", "10.1.2.1"]);
    host.inNetns(name, "ping", ["-c1", "-W2", "10.3.0.1"]);
  }
});

test("CHECK says that a gateway address is gone from the bridge", async (t) => {
  if (expectPeer) return;
  const host = await hostFor(t);
  host.addNetns("c1");
  const conf = config([v4, v6]);
  const added = callPlugin(host, bin, call("ADD", "c1"), conf);
  assert.equal(checkOf(host, conf, added, "c1").stdout, "");
  for (const address of ["2001:db8:5::1/64", "10.1.2.1/24"]) {
    host.run("ip", ["address", "del", address, "dev", "br0"]);
    const { code, msg } = asObject(checkOf(host, conf, added, "c1").json);
    const gateway = address.replace(/\/.*/, "");
    assert.deepEqual([code, msg], [105, `gateway address ${gateway} not found on br0`]);
  }
});
