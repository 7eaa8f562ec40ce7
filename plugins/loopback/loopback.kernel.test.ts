import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { compileCache } from "../../conformance/harness/host/command.ts";
import { Host } from "../../conformance/harness/host/host.ts";
import { ipJson } from "../../conformance/harness/host/inspect.ts";
import { asObject, objectList, parseObject } from "../../conformance/harness/host/json.ts";
import { type Command, pluginEnvironment } from "../../conformance/harness/plugins/plugin-call.ts";

const main = fileURLToPath(new URL("main.ts", import.meta.url));

let host: Host;
before(async () => {
  host = await Host.create();
});
after(() => host.dispose());

let namespaces = 0;
function addNetns(): string {
  namespaces += 1;
  host.addNetns(`lo${namespaces}`);
  return `lo${namespaces}`;
}

function call(command: Command, netns: string, config: object = {}) {
  const env = pluginEnvironment(main, {
    command,
    containerId: "c1",
    netns: `/run/netns/${netns}`,
    ifname: "lo",
    args: "none",
  });
  const input = JSON.stringify({ cniVersion: "1.0.0", name: "cni-loopback", type: "loopback", ...config });
  return host.run(process.execPath, [main], { env: { ...compileCache, ...env }, input, check: false });
}

function succeed(command: Command, netns: string, config?: object): string {
  const { status, stdout, stderr } = call(command, netns, config);
  assert.deepEqual({ status, stderr }, { status: 0, stderr: "" }, stdout);
  return stdout;
}

function fail(command: Command, netns: string, config?: object): Record<string, unknown> {
  const { status, stdout, stderr } = call(command, netns, config);
  assert.deepEqual({ status, stderr }, { status: 1, stderr: "" }, stdout);
  return parseObject(stdout);
}

function lo(netns: string) {
  const [link] = ipJson(host, ["address", "show", "dev", "lo"], netns);
  const { flags, addr_info: addresses } = asObject(link);
  return {
    up: Array.isArray(flags) && flags.includes("UP"),
    addresses: objectList(addresses).map(({ local, prefixlen }) => `${local}/${prefixlen}`),
  };
}

test("ADD sets lo up and tells its addresses; CHECK agrees; DEL sets it down; all of it twice", () => {
  const netns = addNetns();
  assert.equal(fail("CHECK", netns)["msg"], "loopback interface is down");
  const result = parseObject(succeed("ADD", netns));
  assert.deepEqual(result, {
    cniVersion: "1.0.0",
    interfaces: [{ name: "lo", mac: "00:00:00:00:00:00", sandbox: `/run/netns/${netns}` }],
    ips: [
      { address: "127.0.0.1/8", interface: 0 },
      { address: "::1/128", interface: 0 },
    ],
  });
  assert.deepEqual(lo(netns), { up: true, addresses: ["127.0.0.1/8", "::1/128"] });
  assert.deepEqual(parseObject(succeed("ADD", netns)), result);
  succeed("CHECK", netns, { prevResult: result });
  for (let time = 1; time <= 2; time++) {
    succeed("DEL", netns, { prevResult: result });
    assert.equal(lo(netns).up, false);
  }
});

test("addresses of others on lo are no obstacle, and not told", () => {
  const netns = addNetns();
  host.inNetns(netns, "ip", ["address", "add", "192.0.2.7/32", "dev", "lo"]);
  host.inNetns(netns, "ip", ["address", "add", "2001:db8::7/128", "dev", "lo"]);
  const { ips } = parseObject(succeed("ADD", netns));
  const told = objectList(ips).map(({ address }) => address);
  assert.deepEqual(told, ["127.0.0.1/8", "::1/128"]);
});

test("without IPv6 there is only IPv4", () => {
  const netns = addNetns();
  host.inNetns(netns, "sh", ["-c", "echo 1 > /proc/sys/net/ipv6/conf/lo/disable_ipv6"]);
  const { ips } = parseObject(succeed("ADD", netns));
  assert.deepEqual(ips, [{ address: "127.0.0.1/8", interface: 0 }]);
});

test("CHECK misses an address that was taken away, but not ::1 once IPv6 is off", () => {
  const netns = addNetns();
  const prevResult = parseObject(succeed("ADD", netns));
  host.inNetns(netns, "ip", ["address", "del", "::1/128", "dev", "lo"]);
  assert.deepEqual(
    [fail("CHECK", netns, { prevResult })].map(({ code, msg }) => [code, msg]),
    [[105, "loopback interface lacks address ::1/128"]],
  );
  host.inNetns(netns, "sh", ["-c", "echo 1 > /proc/sys/net/ipv6/conf/lo/disable_ipv6"]);
  succeed("CHECK", netns, { prevResult });
  host.inNetns(netns, "ip", ["address", "del", "127.0.0.1/8", "dev", "lo"]);
  assert.match(String(fail("CHECK", netns, { prevResult })["msg"]), /lacks address 127\.0\.0\.1\/8/);
});

test("a prevResult is passed on, also an empty one", () => {
  const netns = addNetns();
  assert.deepEqual(parseObject(succeed("ADD", netns, { prevResult: {} })), { cniVersion: "1.0.0" });
  assert.equal(lo(netns).up, true);
});

test("an ADD that cannot be told leaves lo down", () => {
  const netns = addNetns();
  const config = { cniVersion: "0.2.0", prevResult: { dns: {} } };
  assert.equal(fail("ADD", netns, config)["msg"], "cannot convert: no valid IP addresses");
  assert.equal(lo(netns).up, false);
  assert.equal(fail("ADD", netns, { dns: "x" })["code"], 6);
  assert.equal(lo(netns).up, false);
});

test("namespaces that are none", () => {
  assert.match(String(fail("ADD", "nope")["msg"]), /"\/run\/netns\/nope": ENOENT/);
  assert.equal(succeed("DEL", "nope"), "");
  host.writeFile("/run/netns/file", "");
  for (const command of ["ADD", "CHECK"] as const) assert.equal(fail(command, "file")["code"], 8);
  assert.equal(succeed("DEL", "file"), "");
});
