import assert from "node:assert/strict";
import { test } from "node:test";
import { mountedNamespaces } from "./machine.ts";

test("network namespaces that are mounted are found, with all their places", () => {
  const text = `22 28 0:21 / /sys rw,nosuid shared:7 - sysfs sysfs rw
632 24 0:4 net:[4026532281] /run/netns/c1 rw shared:241 - nsfs nsfs rw
633 24 0:4 net:[4026532281] /var/run/my\\040netns rw shared:241 - nsfs nsfs rw
640 24 0:4 mnt:[4026532285] /run/snapd/ns/x.mnt rw - nsfs nsfs rw
641 24 0:4 net:[4026532290] /run/docker/netns/default rw shared:9 master:1 - nsfs nsfs rw
`;
  assert.deepEqual(Object.fromEntries(mountedNamespaces(text)), {
    4026532281: ["/run/netns/c1", "/var/run/my netns"],
    4026532290: ["/run/docker/netns/default"],
  });
});
