import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { type TestContext, test } from "node:test";
import { type CriSettings, startCri } from "../harness/clients/cri-containerd.ts";
import { assertServed, page, servePage } from "../harness/clients/page.ts";
import { removeCgroups } from "../harness/host/cgroups.ts";
import { type Host, hostFor } from "../harness/host/host.ts";
import { leases } from "../harness/host/inspect.ts";
import { snapshot } from "../harness/host/snapshot.ts";
import { waitUntil } from "../harness/host/wait.ts";
import { pluginFolder } from "../harness/plugins/binaries.ts";
import { readConflist } from "../harness/plugins/conflist.ts";
import { assertNothingLeft } from "../harness/plugins/leaks.ts";
import { addOutside, isUnreachable, outsideAddresses } from "../harness/traffic/traffic.ts";

const cgroup = `cni-test-${process.pid}`;
const image = "localhost/busybox:test";
const settings: CriSettings = { image, cgroup };
const netDir = "/etc/cni/net.d";
const { host: node } = outsideAddresses;
const nodePages = [`http://${node.ipv4}:8080/`, `http://[${node.ipv6}]:8080/`];

test("CRI of containerd 2: a dual-stack pod with a hostPort serves a page; stopped and removed, it leaves nothing", async (t) => {
  const host = await nodeFor(t);
  const list = readConflist("containerd-cri-dual-stack.conflist");
  host.writeFile(`${netDir}/${list.file}`, list.text);
  const cri = await startCri(host, settings);
  const before = snapshot(host);

  const pod = await cri.runPod("web", [{ hostPort: 8080, containerPort: 80 }]);
  const addresses = await cri.podAddresses(pod);
  assert.match(addresses.join(" "), /^10\.88\.0\.\d+ 2001:db8:4860::[0-9a-f]+$/);
  const leased = leases(host, list.name);
  assert.deepEqual(leased.map((lease) => lease.address).sort(), addresses.toSorted());
  assert.ok(leased.every(({ containerId }) => containerId === pod));
  const container = await cri.runContainer(pod, "httpd", image, servePage);
  const shown = await cri.exec(container, "ip", "address");
  for (const part of [`inet ${addresses[0]}/16 `, `inet6 ${addresses[1]}/64 `, "inet 127.0.0.1/8 "]) {
    assert.ok(shown.includes(part), `${part} in ${shown}`);
  }
  await assertServed(host, ["http://127.0.0.1:8080/", ...nodePages]);
  const other = await cri.runPod("other");
  const client = await cri.runContainer(other, "client", image, ["sleep", "1000"]);
  for (const url of nodePages) {
    assert.equal(await cri.exec(client, "wget", "-q", "-O", "-", url), page, `${url} from another pod`);
  }

  for (const id of [pod, other]) {
    await cri.stopPod(id);
    await cri.stopPod(id);
  }
  assertNothingLeft(host, before, list.bridge, "after the pods were stopped");
  for (const url of nodePages) assert.ok(isUnreachable(host, url));
  for (const id of [pod, other]) await cri.removePod(id);
  assertNothingLeft(host, before, list.bridge, "after the pods were removed");
});

test("CRI of containerd 2: pods get addresses of the node's pod CIDRs; readiness follows STATUS", async (t) => {
  const host = await nodeFor(t);
  const template = readFileSync(new URL("../fixtures/cri/pod-cidr.conflist.template", import.meta.url));
  host.writeFile("/etc/containerd/pod-cidr.template", template);
  const cri = await startCri(host, { ...settings, configTemplate: "/etc/containerd/pod-cidr.template" });
  assert.equal((await cri.networkStatus()).ready, false, "before the node has its pod CIDRs");
  const isReady = async () => (await cri.networkStatus()).ready;

  await cri.updatePodCidr("10.244.3.0/24", "fd00:10:244:3::/64");
  await waitUntil("the network is ready", isReady);
  const before = snapshot(host);
  const pod = await cri.runPod("web", [{ hostPort: 8080, containerPort: 80 }]);
  assert.deepEqual(await cri.podAddresses(pod), ["10.244.3.2", "fd00:10:244:3::2"]);
  await cri.runContainer(pod, "httpd", image, servePage);
  await assertServed(host, nodePages);

  host.run("mv", ["/opt/cni/bin/host-local", "/opt/cni/host-local"]);
  const { ready, message } = await cri.networkStatus();
  assert.equal(ready, false, "without its IPAM plugin");
  assert.match(message, /host-local/);
  host.run("mv", ["/opt/cni/host-local", "/opt/cni/bin/host-local"]);
  assert.equal(await isReady(), true);

  await cri.stopPod(pod);
  await cri.removePod(pod);
  assertNothingLeft(host, before, "cni0", "after the pod was removed");
});

test("CRI of containerd 2: a pod in two networks at once", async (t) => {
  const host = await nodeFor(t);
  const list = readConflist("containerd-cri-dual-stack.conflist");
  host.writeFile(`${netDir}/10-first.conflist`, list.text);
  host.writeFile(`${netDir}/20-second.conflist`, JSON.stringify(second));
  const cri = await startCri(host, { ...settings, networks: 2 });
  const before = snapshot(host);

  const pods = await Promise.all(
    ["a", "b", "c"].map((name, index) => cri.runPod(name, [{ hostPort: 8080 + index, containerPort: 80 }])),
  );
  for (const [index, pod] of pods.entries()) {
    const container = await cri.runContainer(pod, "httpd", image, servePage);
    const [address] = await cri.podAddresses(pod);
    const lease = leases(host, second.name).find(({ containerId }) => containerId === pod);
    assert.ok(lease);
    assert.equal(lease.ifname, "eth1");
    const shown = await cri.exec(container, "ip", "address");
    for (const part of [`inet ${address}/16 `, `inet ${lease.address}/24 `]) {
      assert.ok(shown.includes(part), `${part} in ${shown}`);
    }
    const pages = [`http://${lease.address}/`, `http://${node.ipv4}:${8080 + index}/`];
    await assertServed(host, pages);
  }

  await Promise.all(pods.map((pod) => cri.stopPod(pod)));
  await Promise.all(pods.map((pod) => cri.removePod(pod)));
  assertNothingLeft(host, before, `(${list.bridge}|br-second)`, "after the pods were removed");
});

/** A network beside the node's own, which publishes no ports. */
const second = {
  cniVersion: "1.0.0",
  name: "second",
  plugins: [
    {
      type: "bridge",
      bridge: "br-second",
      isGateway: true,
      ipam: { type: "host-local", subnet: "10.99.0.0/24" },
    },
  ],
};

/** A host with a neighbour, and the plugins in /opt/cni/bin, as copies that can be taken away. */
async function nodeFor(t: TestContext): Promise<Host> {
  const host = await hostFor(t);
  t.after(() => removeCgroups(cgroup));
  addOutside(host);
  host.bind(pluginFolder(), "/opt/cni/plugins");
  host.run("sh", [
    "-c",
    "rm -rf /opt/cni/bin && mkdir /opt/cni/bin && ln -s /opt/cni/plugins/* /opt/cni/bin/",
  ]);
  return host;
}
