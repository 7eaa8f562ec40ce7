import assert from "node:assert/strict";
import { test } from "node:test";
import { hostFor } from "../../conformance/harness/host.ts";
import { parseIp } from "../ip/address.ts";
import { inNetns, openNetns } from "../linux/netns.ts";
import { openRtnetlink } from "./client.ts";
import { findLink } from "./link.ts";
import { answersOnLink } from "./neighbour.ts";

test("whether somebody answers for an address on a link", async (t) => {
  const host = await hostFor(t);
  host.addNetns("c1");
  host.run("ip", ["link", "add", "veth1", "type", "veth", "peer", "name", "eth0", "netns", "c1"]);
  for (const [device, last, place] of [
    ["veth1", 1, {}],
    ["eth0", 2, { netns: "c1" }],
  ] as const) {
    host.run("ip", ["link", "set", device, "up"], place);
    host.run("ip", ["address", "add", `10.9.0.${last}/24`, "dev", device], place);
    host.run("ip", ["address", "add", `fd09::${last}/64`, "dev", device, "nodad"], place);
  }
  host.run("ip", ["link", "set", "lo", "up"]);
  const netns = openNetns(host.outside("/proc/1/ns/net"));
  const rt = inNetns(netns, openRtnetlink);
  netns.close();
  t.after(() => rt.close());
  const answers = (link: string, text: string) => {
    const [found, address] = [findLink(rt, link), parseIp(text)];
    assert.ok(found !== undefined && address !== undefined);
    return answersOnLink(rt, found.index, address);
  };
  assert.equal(answers("veth1", "10.9.0.2"), true);
  assert.equal(answers("veth1", "fd09::2"), true);
  assert.equal(answers("veth1", "10.9.0.2"), true, "asked again");
  assert.equal(answers("veth1", "10.9.0.3"), false);
  assert.equal(answers("lo", "127.0.0.1"), undefined, "nobody asks there");

  host.inNetns("c1", "ip", ["address", "delete", "10.9.0.2/24", "dev", "eth0"]);
  assert.equal(answers("veth1", "10.9.0.2"), false, "gone since");
  const fixed = ["neighbour", "add", "10.9.0.4", "lladdr", "02:00:00:00:00:04", "dev", "veth1"];
  host.run("ip", fixed);
  assert.equal(answers("veth1", "10.9.0.4"), undefined, "somebody has set the answer");
});
