import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { writeImage } from "../harness/clients/image.ts";
import { assertServed, page, servePage } from "../harness/clients/page.ts";
import { type Podman, preparePodman } from "../harness/clients/podman.ts";
import { removeCgroups } from "../harness/host/cgroups.ts";
import { type Host, hostFor } from "../harness/host/host.ts";
import { leases } from "../harness/host/inspect.ts";
import { snapshot } from "../harness/host/snapshot.ts";
import { pluginFolder } from "../harness/plugins/binaries.ts";
import { readConflist } from "../harness/plugins/conflist.ts";
import { assertNothingLeft } from "../harness/plugins/leaks.ts";
import { addOutside, isUnreachable, outsideAddresses } from "../harness/traffic/traffic.ts";

const list = readConflist("podman-default.conflist");
const image = "localhost/busybox:test";
const cgroup = `cni-test-${process.pid}`;
const { host: hostAddress } = outsideAddresses;
/** Of networks that podman makes: as a regular expression for the furniture. */
const bridges = "cni-podman\\d+";
const published = ["http://127.0.0.1:8080/", `http://${hostAddress.ipv4}:8080/`];

test("podman run -p: a container serves a page at a port of the host, and leaves nothing", async (t) => {
  const { host, podman } = await prepare(t);
  const before = snapshot(host);

  const id = run(podman, "web", "--publish", "8080:80");
  const [lease, ...more] = leases(host, list.name);
  assert.ok(lease);
  assert.deepEqual(more, []);
  assert.equal(lease.containerId, id);
  assert.ok(podman("exec", "web", "ip", "address").stdout.includes(`inet ${lease.address}/16 `));
  await assertServed(host, [`http://${lease.address}/`, ...published]);
  const cached = snapshot(host).files.filter((line) => line.includes("/results/"));
  assert.match(cached.join("\n"), new RegExp(`^/var/lib/cni/results/${list.name}-${id}-eth0$`));

  podman("rm", "--force", "--time", "0", "web");
  for (const url of published) assert.ok(isUnreachable(host, url));
  assertNothingLeft(host, before, list.bridge, "after the container was removed");
});

test("podman network create: dual stack, static addresses and MAC, IPv4 and IPv6 at the published port", async (t) => {
  const { host, podman } = await prepare(t);
  podman("network", "create", "--ipv6", "--subnet", "10.9.1.0/24", "--subnet", "fd00:9:1::/64", "own");
  const before = snapshot(host);

  const statics = ["--ip", "10.9.1.77", "--ip6", "fd00:9:1::77", "--mac-address", "02:11:22:33:44:55"];
  run(podman, "web", "--network", "own", ...statics, "--publish", "8080:80");
  const shown = podman("exec", "web", "ip", "address").stdout;
  for (const part of ["inet 10.9.1.77/24 ", "inet6 fd00:9:1::77/64 ", "link/ether 02:11:22:33:44:55 "]) {
    assert.ok(shown.includes(part), `${part} in ${shown}`);
  }
  const published6 = `http://[${hostAddress.ipv6}]:8080/`;
  await assertServed(host, [...published, published6]);

  podman("rm", "--force", "--time", "0", "web");
  for (const url of [...published, published6]) assert.ok(isUnreachable(host, url));
  assertNothingLeft(host, before, bridges, "after the container was removed");
});

test("podman: a container in two networks", async (t) => {
  const { host, podman } = await prepare(t);
  const before = snapshot(host);

  createFrontAndBack(podman);
  run(podman, "web", "--network", "front:interface_name=eth0", "--network", "back:interface_name=eth1");
  run(podman, "db", "--network", "back");
  const shown = podman("exec", "web", "ip", "address").stdout;
  const front = leases(host, "front")[0];
  const back = leases(host, "back");
  const [webBack, dbBack] = ["eth1", "eth0"].map((name) => back.find(({ ifname }) => ifname === name));
  for (const lease of [front, webBack]) assert.ok(shown.includes(`inet ${lease?.address}/24 `), shown);
  assert.ok(dbBack);
  await assertServed(host, [`http://${dbBack.address}/`]);
  const asked = podman("exec", "web", "wget", "-q", "-O", "-", `http://${dbBack.address}/`);
  assert.equal(asked.stdout, page, "from web to db in the network that they share");

  podman("rm", "--force", "--time", "0", "web", "db");
  assertNothingLeft(host, before, bridges, "after the containers were removed");
});

/** podman gives the ports of a container to each of its networks. */
test("podman: a published port of a container in two networks", async (t) => {
  const { host, podman } = await prepare(t);
  const before = snapshot(host);

  createFrontAndBack(podman);
  run(podman, "web", "--network", "front", "--network", "back", "--publish", "8080:80");
  await assertServed(host, published);

  podman("rm", "--force", "--time", "0", "web");
  for (const url of published) assert.ok(isUnreachable(host, url));
  assertNothingLeft(host, before, bridges, "after the container was removed");
});

/** A host with a neighbour, podman and the image. */
async function prepare(t: TestContext): Promise<{ host: Host; podman: Podman }> {
  const host = await hostFor(t);
  t.after(() => removeCgroups(cgroup));
  addOutside(host);
  host.bind(pluginFolder(), "/opt/cni/bin");
  host.writeFile(`/etc/cni/net.d/${list.file}`, list.text);
  const podman = preparePodman(host);
  podman("load", "--input", writeImage(host, image));
  return { host, podman };
}

function createFrontAndBack(podman: Podman): void {
  podman("network", "create", "--subnet", "10.9.1.0/24", "front");
  podman("network", "create", "--subnet", "10.9.2.0/24", "back");
}

/** Starts a container that serves the page, and returns its ID. */
function run(podman: Podman, name: string, ...options: string[]): string {
  const common = ["--detach", "--name", name, "--cgroup-parent", `/${cgroup}`];
  return podman("run", ...common, ...options, image, ...servePage).stdout.trim();
}
