import assert from "node:assert/strict";
import type { ChildProcess } from "node:child_process";
import { type TestContext, test } from "node:test";
import { hostFor } from "../../conformance/harness/host/host.ts";
import { call } from "../linux/libc.ts";
import { inNetns, openNetns } from "../linux/netns.ts";
import { encodeMessage } from "../netlink/message.ts";
import { socketAddress } from "../netlink/receive.ts";
import { openRtnetlink, openRtnetlinkMonitor } from "./client.ts";
import { RTM_NEWLINK, RTMGRP_LINK } from "./constants.ts";
import { requireLink } from "./link.ts";

const sendto =
  "ssize_t sendto(int fd, void *data, size_t length, int flags, void *address, uint32_t addressLength)";

/** A namespace with the veth pairs v0 and v1, v2 and v3, all down, and a monitor of its links. */
async function scratch(t: TestContext) {
  const host = await hostFor(t);
  const netns = openNetns(host.outside(host.addNetns("a")));
  const { rt, monitor } = inNetns(netns, () => ({
    rt: openRtnetlink(),
    monitor: openRtnetlinkMonitor(RTMGRP_LINK),
  }));
  const children: ChildProcess[] = [];
  t.after(() => {
    for (const child of children) child.kill();
    monitor.close();
    rt.close();
    netns.close();
  });
  host.inNetns("a", "ip", ["link", "add", "v0", "type", "veth", "peer", "name", "v1"]);
  host.inNetns("a", "ip", ["link", "add", "v2", "type", "veth", "peer", "name", "v3"]);
  return {
    netns,
    monitor,
    isUp: (name: string) => requireLink(rt, name).up,
    /** Starts a shell in the namespace; the thread may block from now on. */
    meanwhile: (script: string) => {
      children.push(host.spawn("sh", ["-c", script], { netns: "a" }));
    },
    fileExists: (path: string) => host.run("test", ["-e", path], { check: false }).status === 0,
    touch: (path: string) => host.writeFile(path, ""),
  };
}

test("it wakes at each change until the condition holds", async (t) => {
  const { monitor, isUp, meanwhile, touch } = await scratch(t);
  let asked = 0;
  const done = monitor.waitUntil(() => {
    asked += 1;
    if (asked === 1) {
      // The second link goes up only after the first one's change has been noticed.
      meanwhile("ip link set v0 up; until test -e /run/test/seen; do sleep 0.02; done; ip link set v2 up");
    } else if (isUp("v0")) {
      touch("/run/test/seen");
    }
    return isUp("v2");
  }, 20_000);
  assert.equal(done, true);
  assert.ok(asked >= 3);
});

test("what holds already needs no change and no time", async (t) => {
  const { monitor } = await scratch(t);
  assert.equal(
    monitor.waitUntil(() => true, 0),
    true,
  );
});

test("it gives up in time, with and without changes that do not help", async (t) => {
  const { monitor, isUp, meanwhile } = await scratch(t);
  assert.equal(
    monitor.waitUntil(() => false, 30),
    false,
  );
  let changes = 0;
  meanwhile("while :; do ip link set v0 up; ip link set v0 down; done");
  const done = () => {
    changes += 1;
    return isUp("v2");
  };
  while (changes < 5) assert.equal(monitor.waitUntil(done, 200), false);
});

test("it hears only of its own namespace", async (t) => {
  const { monitor } = await scratch(t);
  const other = await hostFor(t);
  let asked = 0;
  const ask = () => {
    asked += 1;
    return false;
  };
  // What the making of this test's own links still causes comes first.
  for (asked = 3; asked > 2; ) {
    asked = 0;
    monitor.waitUntil(ask, 100);
  }
  asked = 0;
  other.run("ip", ["link", "set", "lo", "down"]);
  monitor.waitUntil(ask, 100);
  // Once at the start and once at the end.
  assert.equal(asked, 2);
});

test("what others say to its group hardly wakes it, and does not keep it from hearing the kernel", async (t) => {
  const { netns, monitor, isUp, meanwhile } = await scratch(t);
  const sender = inNetns(netns, openRtnetlink);
  t.after(() => sender.close());
  const forged = encodeMessage({ type: RTM_NEWLINK, flags: 0, sequence: 0, body: new Uint8Array(16) });
  const group = socketAddress(0, RTMGRP_LINK);
  const shout = () => {
    for (let times = 0; times < 50; times++) {
      const sent = call(sendto, sender.fd, forged, forged.length, 0x40, group, group.length);
      assert.ok(sent > 0);
    }
  };
  let asked = 0;
  const count = () => {
    asked += 1;
    if (asked === 1) for (let round = 0; round < 3; round++) shout();
    return false;
  };
  // What the making of this test's own links still causes comes first.
  monitor.waitUntil(() => false, 300);
  assert.equal(monitor.waitUntil(count, 60), false);
  // 150 messages: once at the start, once in a while, and at the end.
  assert.ok(asked <= 10, `asked ${asked} times`);
  meanwhile("ip link set v0 up; ip link set v2 up");
  const done = () => {
    shout();
    return isUp("v2");
  };
  assert.equal(monitor.waitUntil(done, 20_000), true);
});

test("an error in the condition comes through", async (t) => {
  const { monitor } = await scratch(t);
  const done = () => {
    throw new Error("failed state");
  };
  assert.throws(() => monitor.waitUntil(done, 1000), /failed state/);
});
