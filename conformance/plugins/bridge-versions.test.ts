/** bridge's main cases in every version of the specification that knows them. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { expectPeer, pluginFolder } from "../harness/binaries.ts";
import { type Host, hostFor } from "../harness/host.ts";
import { ipJson, iptablesSave, leases } from "../harness/inspect.ts";
import { asObject, asString, type JsonObject, objectList } from "../harness/json.ts";
import { assertNothingLeft } from "../harness/leaks.ts";
import { callPlugin, type PluginCall, type PluginResponse } from "../harness/plugin-call.ts";
import { resultAddresses } from "../harness/result.ts";
import { snapshot } from "../harness/snapshot.ts";

const bin = `${pluginFolder()}/bridge`;
const versions = ["0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"];
const v4 = [{ subnet: "10.1.2.0/24" }];
const v6 = [{ subnet: "2001:db8::/64" }];
const otherV6 = [{ subnet: "2001:db8:1::/64" }];
const head = { name: "testConfig", type: "bridge", bridge: "bridge0" };
const leased = (...ranges: unknown[]): JsonObject => ({ ipam: { type: "host-local", ranges } });

interface Case {
  readonly what: string;
  readonly keys: JsonObject;
  readonly args?: string;
  /** The first version that can express it. */
  readonly since?: string;
  /** What ADD says in the versions before. */
  readonly refusal?: RegExp;
  readonly look?: (host: Host, result: JsonObject) => void;
}

const gateway = { isDefaultGateway: true };
const noAddresses = /does not support more than 1 address per family|cannot (convert|express)|no valid IP/;
const mac = (digit: number): string => `02:00:00:00:00:0${digit}`;

const cases: readonly Case[] = [
  {
    what: "IPv4",
    keys: { ...gateway, ...leased(v4) },
    look: (host) => {
      assert.deepEqual(gatewaysOf(host), ["10.1.2.1/24"]);
      assert.deepEqual(defaultsOf(host), ["10.1.2.1"]);
      assert.equal(ipJson(host, ["link"]).length, 3);
      assert.equal(ipJson(host, ["-d", "link", "show", "bridge0"])[0]?.["promiscuity"], 0);
    },
  },
  {
    what: "IPv6",
    keys: { ...gateway, ...leased(v6) },
    look: (host) => {
      assert.deepEqual(gatewaysOf(host), ["2001:db8::1/64"]);
      assert.deepEqual(defaultsOf(host), ["2001:db8::1"]);
    },
  },
  {
    what: "both families",
    keys: { ...gateway, ...leased(v4, v6) },
    look: (host) => {
      assert.deepEqual(gatewaysOf(host), ["10.1.2.1/24", "2001:db8::1/64"]);
      assert.deepEqual(defaultsOf(host), ["10.1.2.1", "2001:db8::1"]);
    },
  },
  {
    what: "three ranges",
    keys: { ...gateway, ...leased(v4, v6, otherV6) },
    since: "0.3.0",
    refusal: noAddresses,
    look: (host, result) => {
      assert.equal(resultAddresses(result).length, 3);
      assert.deepEqual(defaultsOf(host), ["10.1.2.1", "2001:db8::1"], "one default route for a family");
    },
  },
  { what: "layer 2", keys: {}, since: "0.3.0", refusal: noAddresses, look: (host) => assert.ok(isUp(host)) },
  {
    what: "layer 2 with a down container interface",
    keys: { disableContainerInterface: true },
    since: "0.3.0",
    refusal: noAddresses,
    look: (host) => {
      assert.ok(!isUp(host));
      assert.equal(host.inNetns("c1", "ip", ["-6", "address", "show", "dev", "eth0"]).stdout, "");
    },
  },
  {
    what: "promiscuous mode",
    keys: { ...leased(v4), promiscMode: true },
    look: (host) => {
      assert.equal(ipJson(host, ["-d", "link", "show", "bridge0"])[0]?.["promiscuity"], 1);
    },
  },
  { what: "the MAC of CNI_ARGS", keys: leased(v4), args: `IgnoreUnknown=1;MAC=${mac(1)}`, look: hasMac(1) },
  {
    what: "the MAC of args before that of CNI_ARGS",
    keys: { ...leased(v4), args: { cni: { mac: mac(2) } } },
    args: `IgnoreUnknown=1;MAC=${mac(1)}`,
    look: hasMac(2),
  },
  {
    what: "the MAC of runtimeConfig before both",
    keys: { ...leased(v4), args: { cni: { mac: mac(2) } }, RuntimeConfig: { mac: mac(3) } },
    args: `IgnoreUnknown=1;MAC=${mac(1)}`,
    look: hasMac(3),
  },
  {
    what: "masquerading with iptables",
    keys: { ...gateway, ...leased(v4), ipMasq: true, ipMasqBackend: "iptables" },
    look: (host) =>
      assert.ok(iptablesSave(host, "ipv4", "nat").some((rule) => rule.includes("-s 10.1.2.2/32"))),
  },
  {
    what: "masquerading with nftables",
    keys: { ...gateway, ...leased(v4), ipMasq: true, ipMasqBackend: "nftables" },
    look: (host) => assert.match(host.run("nft", ["list", "ruleset"]).stdout, /10\.1\.2\.2/),
  },
  {
    what: "source MAC checks",
    keys: { ...leased(v4), macspoofchk: true },
    look: (host) => assert.match(host.run("nft", ["list", "ruleset"]).stdout, /table bridge/),
  },
  { what: "an isolated port", keys: { ...leased(v4), portIsolation: true }, look: isolated(true) },
  { what: "a port that is not isolated", keys: leased(v4), look: isolated(false) },
];

function gatewaysOf(host: Host): string[] {
  const [bridge] = ipJson(host, ["address", "show", "dev", "bridge0"]);
  return objectList(bridge?.["addr_info"])
    .filter(({ scope }) => scope === "global")
    .map(({ local, prefixlen }) => `${local}/${prefixlen}`);
}

function defaultsOf(host: Host): unknown[] {
  return ["-4", "-6"].flatMap((family) =>
    ipJson(host, [family, "route", "show", "default"], "c1").map((route) => {
      assert.equal(route["prefsrc"], undefined);
      return route["gateway"];
    }),
  );
}

function isUp(host: Host): boolean {
  const [link] = ipJson(host, ["link", "show", "eth0"], "c1");
  return Array.isArray(link?.["flags"]) && link["flags"].includes("UP");
}

function hasMac(digit: number) {
  return (host: Host): void => {
    assert.equal(ipJson(host, ["link", "show", "eth0"], "c1")[0]?.["address"], mac(digit));
  };
}

function isolated(wanted: boolean) {
  return (host: Host): void => {
    const [port] = ipJson(host, ["-d", "link", "show", "master", "bridge0"]);
    assert.equal(asObject(asObject(port?.["linkinfo"])["info_slave_data"])["isolated"], wanted);
  };
}

function caller(host: Host, args: string | undefined) {
  const call = { containerId: "dummy-0", netns: host.addNetns("c1"), ifname: "eth0", ...(args && { args }) };
  return (command: NonNullable<PluginCall["command"]>, config: JsonObject): PluginResponse =>
    callPlugin(host, bin, { command, ...call }, config);
}

for (const { what, keys, args, since = "0.1.0", refusal, look } of cases) {
  test(what, async (t) => {
    for (const cniVersion of versions) {
      await t.test(cniVersion, async (inner) => {
        const host = await hostFor(inner);
        const call = caller(host, args);
        const config = { cniVersion, ...head, ...keys };
        const before = snapshot(host);
        const added = call("ADD", config);
        if (cniVersion < since) {
          assert.equal(added.status, 1);
          assert.match(asString(asObject(added.json)["msg"]), refusal ?? /./);
          if (!expectPeer) assertNothingLeft(host, before, "bridge0", "after the refused ADD");
          return;
        }
        assert.deepEqual([added.status, added.stderr], [0, ""], added.stdout);
        const result = asObject(added.json);
        assert.equal(result["cniVersion"], cniVersion);
        if (cniVersion >= "0.3.0") {
          const [, port, container] = objectList(result["interfaces"]);
          assert.match(asString(port?.["name"]), /^veth/);
          assert.equal(asString(port?.["mac"]).length, 17);
          assert.equal(container?.["sandbox"], "/run/netns/c1");
        }
        look?.(host, result);
        if (cniVersion >= "0.4.0" && !(expectPeer && !("ipam" in keys))) {
          const checked = call("CHECK", { ...config, prevResult: result });
          assert.deepEqual([checked.status, checked.stdout], [0, ""]);
        }
        const deleted = call("DEL", config);
        assert.deepEqual([deleted.status, deleted.stdout, deleted.stderr], [0, "", ""]);
        assertNothingLeft(host, before, "bridge0", "after DEL");
      });
    }
  });
}

test("an error after the address was leased releases it", async (t) => {
  for (const cniVersion of versions) {
    const host = await hostFor(t);
    const call = caller(host, undefined);
    host.run("ip", ["link", "add", "bridge0", "type", "bridge"]);
    host.run("ip", ["address", "add", "10.9.0.1/16", "dev", "bridge0"]);
    const config = { cniVersion, ...head, ...gateway, ...leased(v4) };
    assert.equal(call("ADD", config).status, 1);
    assert.deepEqual(leases(host, "testConfig"), []);
  }
});

test("name servers of a resolv.conf come with the result", async (t) => {
  for (const cniVersion of versions) {
    const host = await hostFor(t);
    const call = caller(host, undefined);
    host.writeFile("/run/test-resolv.conf", "nameserver 192.0.2.53\nsearch example.net\n");
    const ipam = { type: "host-local", ranges: [v4], resolvConf: "/run/test-resolv.conf" };
    const added = call("ADD", { cniVersion, ...head, ipam });
    assert.equal(added.status, 0, added.stdout);
    assert.deepEqual(asObject(added.json)["dns"], { nameservers: ["192.0.2.53"], search: ["example.net"] });
  }
});
