import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { parseIp } from "../../../shared/ip/address.ts";
import { mountedNetns } from "../../../shared/linux/visible-netns.ts";
import { findLeaseHolders } from "./leases.ts";
import { noteIn } from "./noted-attachments.ts";

test("leases of an address in all networks; what is no whole lease says nothing", (t) => {
  const directory = mkdtempSync(join(tmpdir(), "leases-"));
  t.after(() => rmSync(directory, { recursive: true }));
  const files = { a: "c1\r\neth0", b: "c2\r\neth1\n", old: "c3", torn: "", odd: "c4\r\neth0\r\nmore" };
  for (const [network, content] of Object.entries(files)) {
    mkdirSync(join(directory, network));
    writeFileSync(join(directory, network, "10.0.0.2"), content);
  }
  writeFileSync(join(directory, "a", "10.0.0.3"), "c5\r\neth0");
  const address = parseIp("10.0.0.2");
  assert.ok(address !== undefined);
  assert.deepEqual(findLeaseHolders(address, directory), [
    { network: "a", containerId: "c1", ifname: "eth0" },
    { network: "b", containerId: "c2", ifname: "eth1" },
  ]);
  assert.deepEqual(findLeaseHolders(address, join(directory, "nowhere")), []);
});

test("what a cached result says of an attachment", () => {
  const note = { networkName: "n", containerId: "c", ifName: "eth0", netns: "/run/netns/c" };
  const asked: string[] = [];
  const read = (changed: object) =>
    noteIn(JSON.stringify({ ...note, ...changed }), (path) => {
      asked.push(path);
      return "gone";
    });
  const owner = { network: "n", containerId: "c", ifname: "eth0" };
  assert.deepEqual(read({}), [{ owner, namespace: "gone" }]);
  for (const lacking of [{ netns: "" }, { netns: 1 }, { networkName: undefined }]) {
    assert.deepEqual(read(lacking), []);
  }
  assert.deepEqual(
    noteIn("[]", () => "gone"),
    [],
  );
  assert.deepEqual(asked, ["/run/netns/c"]);
});

test("network namespaces that are mounted", () => {
  const text = `22 28 0:21 / /sys rw,nosuid shared:7 - sysfs sysfs rw
632 24 0:4 net:[4026532281] /run/netns/c1 rw shared:241 - nsfs nsfs rw
633 24 0:4 net:[4026532281] /var/run/my\\040netns rw shared:241 - nsfs nsfs rw
640 24 0:4 mnt:[4026532285] /run/snapd/ns/x.mnt rw - nsfs nsfs rw
`;
  assert.deepEqual(mountedNetns(text), [
    ["net:[4026532281]", "/run/netns/c1"],
    ["net:[4026532281]", "/var/run/my netns"],
  ]);
});
