/** What ADD says is connected is reachable when it returns: the first container of a bridge by IPv6. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { hostFor } from "../../harness/host/host.ts";
import { asObject, type JsonObject, objectList, parse } from "../../harness/host/json.ts";
import { expectPeer, pluginFolder } from "../../harness/plugins/binaries.ts";
import { callPlugin } from "../../harness/plugins/plugin-call.ts";
import { addOutside, fetchPage, outsideAddresses, serveHttp } from "../../harness/traffic/traffic.ts";

const binDir = pluginFolder();
const list: JsonObject = { cniVersion: "1.1.0", name: "net1" };
const bridge: JsonObject = {
  ...{ ...list, type: "bridge", bridge: "bridge0", isDefaultGateway: true },
  ipam: { type: "host-local", ranges: [[{ subnet: "fd00:12::/64" }]] },
};
const portMappings = [{ hostPort: 8080, containerPort: 80, protocol: "tcp" }];
const addedBy = [
  ["by ADD", []],
  ["beforehand, down", [["link", "add", "bridge0", "type", "bridge"]]],
  [
    "beforehand, up",
    [
      ["link", "add", "bridge0", "type", "bridge"],
      ["link", "set", "bridge0", "up"],
    ],
  ],
] as const;

for (const [made, before] of addedBy) {
  test(`a bridge made ${made}: the host asks for its first container at once`, async (t) => {
    if (expectPeer) return;
    const host = await hostFor(t);
    addOutside(host);
    const { outside, host: near } = outsideAddresses;
    host.inNetns("outside", "ip", ["-6", "route", "add", "default", "via", near.ipv6]);
    for (const command of before) host.run("ip", command);
    const netns = host.addNetns("c1");
    await serveHttp(host, "c1", 80, "first");
    const call = { command: "ADD", containerId: "c1", netns, ifname: "eth0", path: binDir } as const;
    const added = callPlugin(host, `${binDir}/bridge`, call, bridge);
    assert.equal(added.status, 0, added.stdout);
    const config = {
      ...list,
      type: "portmap",
      runtimeConfig: { portMappings },
      prevResult: asObject(added.json),
    };
    const published = callPlugin(host, `${binDir}/portmap`, call, config);
    const links = host.run("ip", ["-j", "-6", "address", "show", "dev", "bridge0", "scope", "link"]).stdout;
    const page = fetchPage(host, `http://[${near.ipv6}]:8080/`, { netns: "outside" });
    assert.equal(published.status, 0, published.stdout);
    assert.deepEqual(page, { page: "first", client: outside.ipv6 });
    const own = objectList(objectList(parse(links))[0]?.["addr_info"]).filter(
      ({ local }) => local !== undefined,
    );
    assert.deepEqual(
      own.map(({ tentative }) => tentative),
      [undefined],
      links,
    );
  });
}
