/** What a configuration or a caller names: links, MACs and files that are refused before any work, or taken. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type Host, hostFor } from "../harness/host/host.ts";
import { ipJson } from "../harness/host/inspect.ts";
import { asObject, type JsonObject } from "../harness/host/json.ts";
import { difference, snapshot } from "../harness/host/snapshot.ts";
import { pluginFolder } from "../harness/plugins/binaries.ts";
import { type Command, callPlugin, type PluginResponse } from "../harness/plugins/plugin-call.ts";

const ipam = { type: "host-local", subnet: "10.9.0.0/24" };
const bridge = { type: "bridge", bridge: "br0", isGateway: true, ipMasq: true, ipam };

function call(host: Host, command: Command, keys: JsonObject, ifname = "eth0"): PluginResponse {
  const bin = `${pluginFolder()}/${String(keys["type"])}`;
  const names = { command, containerId: "c1", netns: "/run/netns/c1", ifname };
  return callPlugin(
    host,
    bin,
    { ...names, timeoutMs: 20_000 },
    { cniVersion: "1.0.0", name: "net", ...keys },
  );
}

function refusal(response: PluginResponse): [unknown, string] {
  assert.equal(response.status, 1, response.stdout + response.stderr);
  const { code, msg, details } = asObject(response.json);
  return [code, `${String(msg)}; ${String(details)}`];
}

function succeed(response: PluginResponse): PluginResponse {
  assert.equal(response.status, 0, response.stdout + response.stderr);
  return response;
}

/** Fails unless the host and the container are as they were. */
function unchanged<T>(host: Host, work: () => T): T {
  const links = (): unknown => ipJson(host, ["link"], "c1");
  const before = [snapshot(host), links()] as const;
  const answer = work();
  assert.equal(difference(before[0], snapshot(host)), "");
  assert.deepEqual(links(), before[1]);
  return answer;
}

test("names of bridges that the kernel would not give to a link are refused before any work", async (t) => {
  const host = await hostFor(t);
  host.addNetns("c1");
  const { ipam: _, ...withoutIpam } = bridge;
  unchanged(host, () => {
    for (const name of ["br%d", "br%", "%s", "bràx", "br\u0001", "br\u00a0"]) {
      for (const keys of [bridge, withoutIpam]) {
        const [code, text] = refusal(call(host, "ADD", { ...keys, bridge: name }));
        assert.equal(code, 7, name);
        assert.match(text, /cannot name a link/);
      }
    }
  });
});

test("interface names that cannot be given, or be in a rule's comment, are refused before any work", async (t) => {
  const host = await hostFor(t);
  host.addNetns("c1");
  const prevResult = { cniVersion: "1.0.0", ips: [{ address: "10.9.0.2/24" }] };
  const others = ["portmap", "firewall", "tuning"].map((type) => ({ type, prevResult }));
  unchanged(host, () => {
    for (const name of ["eth%d", "100%", "eth\u0001", "eth\u007f", "ethà", "eth\ufffd"]) {
      for (const keys of [bridge, { type: "host-local", ipam }, { type: "loopback" }, ...others]) {
        const [code, text] = refusal(call(host, "ADD", keys, name));
        assert.equal(code, 4, name);
        assert.match(text, /cannot be given to a link/, name);
        succeed(call(host, "DEL", keys, name));
      }
    }
  });
  // Not UTF-8, which no text of this test can be.
  const environment = "CNI_COMMAND=ADD CNI_CONTAINERID=c1 CNI_NETNS=/run/netns/c1 CNI_PATH=/nowhere";
  const script = `export ${environment} CNI_IFNAME=$(printf 'eth\\377'); ${pluginFolder()}/bridge || :`;
  const config = { cniVersion: "1.0.0", name: "net", ...bridge };
  const { stdout } = unchanged(host, () => host.run("sh", ["-c", script], { input: JSON.stringify(config) }));
  assert.match(stdout, /"code": 4,[\s\S]*not UTF-8/);
});

test("a MAC that has not six bytes is refused; one without separators is taken", async (t) => {
  const host = await hostFor(t);
  host.addNetns("c1");
  const withMac = (mac: string): JsonObject => ({
    ...bridge,
    runtimeConfig: { mac },
    capabilities: { mac: true },
  });
  for (const mac of ["02:00:5e:10:00:00:00:01", "02005e1000000001", "0200.5e10.0000.0001", "c2b0574947f"]) {
    const [code, text] = refusal(unchanged(host, () => call(host, "ADD", withMac(mac))));
    assert.equal(code, 7, mac);
    assert.match(text, /invalid MAC address/);
  }
  const { json } = succeed(call(host, "ADD", withMac("c2b0574947f1")));
  const [link] = ipJson(host, ["link", "show", "eth0"], "c1");
  assert.equal(link?.["address"], "c2:b0:57:49:47:f1");
  const tuning = { type: "tuning", mac: "C2B0574947F2", prevResult: asObject(json) };
  succeed(call(host, "ADD", tuning));
  succeed(call(host, "CHECK", tuning));
  const [tuned] = ipJson(host, ["link", "show", "eth0"], "c1");
  assert.equal(tuned?.["address"], "c2:b0:57:49:47:f2");
});

test("a resolvConf that is no regular file, or a huge one, is neither read nor waited for", async (t) => {
  const host = await hostFor(t);
  host.addNetns("c1");
  host.run("mkfifo", ["/run/pipe"]);
  host.run("truncate", ["-s", "100G", "/run/huge"]);
  for (const path of ["/dev/zero", "/run/pipe", "/run/huge", "/run"]) {
    for (const keys of [{ type: "host-local" }, bridge]) {
      const config = { ...keys, ipam: { ...ipam, resolvConf: path } };
      const [, text] = refusal(unchanged(host, () => call(host, "ADD", config)));
      assert.match(text, /cannot read resolvConf: .*(not a regular file|has more than)/, path);
    }
  }
  host.writeFile("/run/resolv.conf", "nameserver 192.0.2.53\n");
  host.run("ln", ["-s", "resolv.conf", "/run/link"]);
  const { json } = succeed(
    call(host, "ADD", { type: "host-local", ipam: { ...ipam, resolvConf: "/run/link" } }),
  );
  assert.deepEqual(asObject(json)["dns"], { nameservers: ["192.0.2.53"] });
});
