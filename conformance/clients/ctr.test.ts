import assert from "node:assert/strict";
import { test } from "node:test";
import { pluginFolder } from "../harness/binaries.ts";
import { removeCgroups } from "../harness/cgroups.ts";
import { readConflist } from "../harness/conflist.ts";
import { startContainerd } from "../harness/containerd.ts";
import { hostFor } from "../harness/host.ts";
import { writeImage } from "../harness/image.ts";
import { leases } from "../harness/inspect.ts";
import { assertNothingLeft } from "../harness/leaks.ts";
import { snapshot } from "../harness/snapshot.ts";
import { fetchText, isUnreachable } from "../harness/traffic.ts";
import { waitUntil } from "../harness/wait.ts";

const list = readConflist("nerdctl-bridge.conflist");
const namespace = `cni-test-${process.pid}`;
const image = "localhost/busybox:test";
const serve = "mkdir /www && echo hello > /www/index.html && exec httpd -f -p 80 -h /www";

test("ctr run --cni: a container of Debian's containerd serves a page, and leaves nothing", async (t) => {
  const host = await hostFor(t);
  host.bind(pluginFolder(), "/opt/cni/bin");
  host.writeFile(`/etc/cni/net.d/${list.file}`, list.text);
  const ctr = await startContainerd(host, namespace);
  t.after(() => removeCgroups(namespace));
  ctr.run("image", "import", writeImage(host, image));
  const before = snapshot(host);

  // Not detached: ctr 1.6 takes the network down only when it has waited for the container itself.
  const ended = ctr.start("run", "--cni", "--rm", image, "web", "sh", "-c", serve);
  const isRunning = () => /^web .* RUNNING$/m.test(ctr.run("task", "list").stdout);
  await Promise.race([ended, waitUntil("the container runs", isRunning)]);
  const [lease, ...more] = leases(host, list.name);
  assert.ok(lease);
  assert.deepEqual(more, []);
  assert.equal(lease.containerId, `${namespace}-web`);
  const shown = ctr.run("task", "exec", "--exec-id", "addresses", "web", "ip", "address").stdout;
  assert.ok(shown.includes(`inet ${lease.address}/24 `), shown);
  assert.ok(shown.includes("inet 127.0.0.1/8 "), `loopback in ${shown}`);
  await waitUntil("httpd listens", () => !isUnreachable(host, `http://${lease.address}/`));
  assert.equal(fetchText(host, `http://${lease.address}/`), "hello\n");

  ctr.run("task", "kill", "--signal", "SIGKILL", "web");
  assert.deepEqual(await ended, { status: 128 + 9, signal: null, stdout: "", stderr: "" });
  assertNothingLeft(host, before, list.bridge, "after the container ended");
});
