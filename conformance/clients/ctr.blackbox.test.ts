import assert from "node:assert/strict";
import { test } from "node:test";
import { type Ctr, ctrFor, startContainerd, startContainerd2 } from "../harness/clients/containerd.ts";
import { writeImage } from "../harness/clients/image.ts";
import { assertServed, servePage } from "../harness/clients/page.ts";
import { removeCgroups } from "../harness/host/cgroups.ts";
import { type Host, hostFor } from "../harness/host/host.ts";
import { leases } from "../harness/host/inspect.ts";
import { snapshot } from "../harness/host/snapshot.ts";
import { waitUntil } from "../harness/host/wait.ts";
import { pluginFolder } from "../harness/plugins/binaries.ts";
import { readConflist } from "../harness/plugins/conflist.ts";
import { assertNothingLeft } from "../harness/plugins/leaks.ts";

const list = readConflist("nerdctl-bridge.conflist");
const namespace = `cni-test-${process.pid}`;
const image = "localhost/busybox:test";

const releases: Record<string, (host: Host) => Promise<Ctr>> = {
  "Debian's containerd": (host) => startContainerd(host, namespace),
  "containerd 2": async (host) => ctrFor(host, await startContainerd2(host, []), namespace),
};

for (const [release, start] of Object.entries(releases)) {
  test(`ctr run --cni: a container of ${release} serves a page, and leaves nothing`, async (t) => {
    const host = await hostFor(t);
    host.bind(pluginFolder(), "/opt/cni/bin");
    host.writeFile(`/etc/cni/net.d/${list.file}`, list.text);
    const ctr = await start(host);
    t.after(() => removeCgroups(namespace));
    ctr.run("image", "import", writeImage(host, image));
    const before = snapshot(host);

    // Not detached: ctr takes the network down only when it has waited for the container itself.
    const ended = ctr.start("run", "--cni", "--rm", image, "web", ...servePage);
    const isRunning = () => /^web .* RUNNING$/m.test(ctr.run("task", "list").stdout);
    await Promise.race([ended, waitUntil("the container runs", isRunning)]);
    const [lease, ...more] = leases(host, list.name);
    assert.ok(lease);
    assert.deepEqual(more, []);
    assert.equal(lease.containerId, `${namespace}-web`);
    const shown = ctr.run("task", "exec", "--exec-id", "addresses", "web", "ip", "address").stdout;
    assert.ok(shown.includes(`inet ${lease.address}/24 `), shown);
    assert.ok(shown.includes("inet 127.0.0.1/8 "), `loopback in ${shown}`);
    await assertServed(host, [`http://${lease.address}/`]);

    ctr.run("task", "kill", "--signal", "SIGKILL", "web");
    assert.deepEqual(await ended, { status: 128 + 9, signal: null, stdout: "", stderr: "" });
    assertNothingLeft(host, before, list.bridge, "after the container ended");
  });
}
