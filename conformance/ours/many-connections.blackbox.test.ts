/** DEL on a host with very many tracked connections, as anyone who can open connections can make: it takes no memory. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { type Host, hostFor } from "../harness/host/host.ts";
import { asString, objectList, parseObject } from "../harness/host/json.ts";
import { expectPeer, pluginFolder } from "../harness/plugins/binaries.ts";
import { callPlugin, type PluginCall, pluginEnvironment } from "../harness/plugins/plugin-call.ts";

const tool = fileURLToPath(new URL("../harness/fakes/connections-tool.ts", import.meta.url));
const options = { skip: expectPeer ? "the Go plugin's memory is its own affair" : false };
const bin = `${pluginFolder()}/bridge`;
const far = "2001:db8:ffff::7";
const stranger = "2001:db8:eeee::1";
/** A call without connections takes 35 MB. */
const leastKilobytes = 20_000;
const mostKilobytes = 60_000;
/** More than fit into that, and together less than the kernel tracks by default. */
const strangers = Number(process.env["STRANGERS"] ?? 40_000);
const own = Number(process.env["OWN"] ?? 10_000);
const containers = Number(process.env["CONTAINERS"] ?? 3);

const config = {
  cniVersion: "1.1.0",
  name: "net1",
  type: "bridge",
  bridge: "bridge0",
  isDefaultGateway: true,
  ipMasq: true,
  ipMasqBackend: "nftables",
  ipam: { type: "host-local", ranges: [[{ subnet: "10.1.0.0/16" }], [{ subnet: "2001:db8:5::/64" }]] },
};

function attachment(name: string): PluginCall {
  return { containerId: name, netns: `/run/netns/${name}`, ifname: "eth0" };
}

/** Attaches a container and returns its IPv6 address. */
function attach(host: Host, name: string): string {
  host.addNetns(name);
  const added = callPlugin(host, bin, { command: "ADD", ...attachment(name) }, config);
  assert.deepEqual([added.status, added.stderr], [0, ""], added.stdout);
  const addresses = objectList(parseObject(added.stdout)["ips"]).map(({ address }) => asString(address));
  return addresses.find((address) => address.includes(":"))?.replace(/\/.*/, "") ?? "";
}

/** Runs DEL and returns how much memory it had at most, in kB. */
async function detach(host: Host, name: string): Promise<number> {
  const { stdout, stderr } = await host.runAsync("busybox", ["time", "-v", bin], {
    input: JSON.stringify(config),
    env: pluginEnvironment(bin, { command: "DEL", ...attachment(name) }),
    timeoutMs: 600_000,
  });
  assert.equal(stdout, "");
  const numberAt = (what: string) => Number(new RegExp(`${what}: (\\d+)`).exec(stderr)?.[1]);
  // busybox takes the kernel's kilobytes for pages.
  return (numberAt("Maximum resident set size \\(kbytes\\)") * 1024) / numberAt("Page size \\(bytes\\)");
}

function connections(host: Host, ...args: readonly string[]): number {
  const listed = host.run("conntrack", ["-L", "-f", "ipv6", "-o", "id", ...args], { check: false }).stderr;
  return Number(/: (\d+) flow entries/.exec(listed)?.[1]);
}

test(
  "DELs at once with very many tracked connections forget their own, and stay small",
  options,
  async (t) => {
    const host = await hostFor(t);
    const names = Array.from({ length: containers }, (_none, index) => `c${index}`);
    const addresses = names.map((name) => attach(host, name));
    const [first = ""] = addresses;
    for (const [count, source, destination] of [
      [strangers, stranger, far],
      [own, first, far],
      [10, far, first],
    ] as const) {
      host.run(process.execPath, [tool, `${count}`, source, destination], { timeoutMs: 300_000 });
    }
    const memory = await Promise.all(names.map((name) => detach(host, name)));
    t.diagnostic(`at most ${Math.max(...memory)} kB`);
    const isRight = memory.every((kilobytes) => kilobytes > leastKilobytes && kilobytes < mostKilobytes);
    assert.ok(isRight, `${memory.join(", ")} kB`);
    assert.equal(connections(host, "--src", first), 0);
    assert.equal(connections(host, "--dst", first), 0);
    assert.equal(connections(host, "--src", stranger), strangers);
  },
);
