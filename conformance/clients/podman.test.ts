import assert from "node:assert/strict";
import { test } from "node:test";
import { pluginFolder } from "../harness/binaries.ts";
import { removeCgroups } from "../harness/cgroups.ts";
import { readConflist } from "../harness/conflist.ts";
import { hostFor } from "../harness/host.ts";
import { writeImage } from "../harness/image.ts";
import { leases } from "../harness/inspect.ts";
import { assertNothingLeft } from "../harness/leaks.ts";
import { preparePodman } from "../harness/podman.ts";
import { snapshot } from "../harness/snapshot.ts";
import { fetchText, isUnreachable } from "../harness/traffic.ts";
import { waitUntil } from "../harness/wait.ts";

const list = readConflist("podman-default.conflist");
const image = "localhost/busybox:test";
const cgroup = `cni-test-${process.pid}`;
const serve = "mkdir /www && echo hello > /www/index.html && exec httpd -f -p 80 -h /www";

test("podman run -p: a container serves a page at a port of the host, and leaves nothing", async (t) => {
  const host = await hostFor(t);
  t.after(() => removeCgroups(cgroup));
  host.bind(pluginFolder(), "/opt/cni/bin");
  host.writeFile(`/etc/cni/net.d/${list.file}`, list.text);
  const podman = preparePodman(host);
  podman("load", "--input", writeImage(host, image));
  const before = snapshot(host);

  const options = ["--name", "web", "--publish", "8080:80", "--cgroup-parent", `/${cgroup}`];
  const id = podman("run", "--detach", ...options, image, "sh", "-c", serve).stdout.trim();
  const [lease, ...more] = leases(host, list.name);
  assert.ok(lease);
  assert.deepEqual(more, []);
  assert.equal(lease.containerId, id);
  assert.ok(podman("exec", "web", "ip", "address").stdout.includes(`inet ${lease.address}/16 `));
  await waitUntil("httpd listens", () => !isUnreachable(host, `http://${lease.address}/`));
  assert.equal(fetchText(host, "http://127.0.0.1:8080/"), "hello\n");

  podman("rm", "--force", "--time", "0", "web");
  assert.ok(isUnreachable(host, "http://127.0.0.1:8080/"));
  assertNothingLeft(host, before, list.bridge, "after the container was removed");
});
