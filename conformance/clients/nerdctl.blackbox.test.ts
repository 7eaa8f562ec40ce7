import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { writeImage } from "../harness/clients/image.ts";
import { type Nerdctl, nerdctlFor, startForNerdctl } from "../harness/clients/nerdctl.ts";
import { assertServed, page, servePage } from "../harness/clients/page.ts";
import { removeCgroups } from "../harness/host/cgroups.ts";
import { type Host, hostFor } from "../harness/host/host.ts";
import { ipJson, type Lease, leases } from "../harness/host/inspect.ts";
import { snapshot } from "../harness/host/snapshot.ts";
import { waitUntil } from "../harness/host/wait.ts";
import { pluginFolder } from "../harness/plugins/binaries.ts";
import { assertNothingLeft } from "../harness/plugins/leaks.ts";
import { recordCalls } from "../harness/plugins/record.ts";
import { addOutside, isUnreachable, outsideAddresses } from "../harness/traffic/traffic.ts";

const namespace = `cni-test-${process.pid}`;
const image = "localhost/busybox:test";
const { host: hostAddress } = outsideAddresses;

/** nerdctl's default bridge, and those of networks that it makes: as a regular expression for the furniture. */
const bridges = "(nerdctl0|br-[0-9a-f]{12})";

test("nerdctl run -d -p: a container serves a page at a port of the host; rm -f leaves nothing", async (t) => {
  const { host, nerdctl } = await prepare(t);
  const calls = recordCalls(host, pluginFolder());
  const before = snapshot(host);

  const id = run(nerdctl, "web", "--publish", "8080:80");
  const lease = onlyLease(host, "bridge");
  assert.equal(lease.containerId, `${namespace}-${id}`);
  assert.ok(nerdctl("ps").stdout.includes("0.0.0.0:8080->80/tcp"));
  const shown = nerdctl("exec", "web", "ip", "address").stdout;
  assert.ok(shown.includes(`inet ${lease.address}/24 `), shown);
  await assertServed(host, ["http://127.0.0.1:8080/", `http://${hostAddress.ipv4}:8080/`]);
  run(nerdctl, "other");
  const asked = nerdctl("exec", "other", "wget", "-q", "-O", "-", `http://${hostAddress.ipv4}:8080/`);
  assert.equal(asked.stdout, page, "from another container by the host's address");

  nerdctl("rm", "--force", "web", "other");
  const withoutNetns = calls().filter((call) => call === "bridge DEL ");
  assert.ok(withoutNetns.length >= 2, `DEL without namespace in:\n${calls().join("\n")}`);
  assert.ok(isUnreachable(host, "http://127.0.0.1:8080/"));
  assertNothingLeft(host, before, bridges, "after rm -f");
});

test("nerdctl: a container that ends by itself leaves nothing, and starts again", async (t) => {
  const { host, nerdctl } = await prepare(t);
  host.bind(pluginFolder(), "/opt/cni/bin");
  const before = snapshot(host);

  for (const start of [() => run(nerdctl, "web", "--publish", "8080:80"), () => nerdctl("start", "web")]) {
    start();
    await assertServed(host, ["http://127.0.0.1:8080/"]);
    nerdctl("kill", "--signal", "KILL", "web");
    await waitUntil("the poststop hook ran", () => leases(host, "bridge").length === 0);
    nerdctl("wait", "web");
    // `kill` calls DEL before it kills. The Go plugins leave the interface to the kernel then.
    await waitUntil(
      "its interface is gone",
      () => ipJson(host, ["link", "show", "master", "nerdctl0"]).length === 0,
    );
    assertNothingLeft(host, before, bridges, "after the container's end");
  }
  nerdctl("rm", "web");
});

test("nerdctl network create: dual stack, static addresses and MAC, IPv4 and IPv6 at the published port", async (t) => {
  const { host, nerdctl } = await prepare(t);
  host.bind(pluginFolder(), "/opt/cni/bin");
  const before = snapshot(host);

  const subnets = ["--ipv6", "--subnet", "10.9.0.0/24", "--subnet", "fd00:9::/64"];
  nerdctl("network", "create", ...subnets, "own");
  const mac = "02:11:22:33:44:55";
  const statics = ["--ip", "10.9.0.77", "--ip6", "fd00:9::77", "--mac-address", mac];
  run(nerdctl, "web", "--network", "own", ...statics, "--publish", "8080:80", "--publish", "[::]:8080:80");
  const leased = leases(host, "own").map(({ address }) => address);
  assert.deepEqual(leased.sort(), ["10.9.0.77", "fd00:9::77"]);
  const shown = nerdctl("exec", "web", "ip", "address", "show", "dev", "eth0").stdout;
  for (const part of ["inet 10.9.0.77/24 ", "inet6 fd00:9::77/64 ", `link/ether ${mac} `]) {
    assert.ok(shown.includes(part), `${part} in ${shown}`);
  }
  const page4 = `http://${hostAddress.ipv4}:8080/`;
  // nerdctl gives containers no default route for IPv6, so only what is in the network gets an answer.
  const page6 = "http://[fd00:9::1]:8080/";
  await assertServed(host, [page4, page6]);
  run(nerdctl, "other", "--network", "own");
  const asked = nerdctl("exec", "other", "wget", "-q", "-O", "-", page6);
  assert.equal(asked.stdout, page, "from another container, by IPv6");

  nerdctl("rm", "--force", "web", "other");
  for (const url of [page4, page6]) assert.ok(isUnreachable(host, url));
  assertNothingLeft(host, before, bridges, "after rm -f");
  nerdctl("network", "rm", "own");
});

test("nerdctl: a container in two networks, as compose starts them", async (t) => {
  const { host, nerdctl } = await prepare(t);
  host.bind(pluginFolder(), "/opt/cni/bin");
  const before = snapshot(host);

  createFrontAndBack(nerdctl);
  run(nerdctl, "web", "--network", "front", "--network", "back");
  run(nerdctl, "db", "--network", "back");
  const shown = nerdctl("exec", "web", "ip", "address").stdout;
  const front = onlyLease(host, "front");
  assert.equal(front.ifname, "eth0");
  assert.ok(shown.includes(`inet ${front.address}/24 `), shown);
  const [webBack, dbBack] = ["eth1", "eth0"].map((ifname) =>
    leases(host, "back").find((lease) => lease.ifname === ifname),
  );
  assert.ok(webBack);
  assert.ok(dbBack);
  assert.ok(shown.includes(`inet ${webBack.address}/24 `), shown);
  await assertServed(host, [`http://${dbBack.address}/`]);
  const asked = nerdctl("exec", "web", "wget", "-q", "-O", "-", `http://${dbBack.address}/`);
  assert.equal(asked.stdout, page, "from web to db in the network that they share");

  nerdctl("rm", "--force", "web", "db");
  assertNothingLeft(host, before, bridges, "after rm -f");
  nerdctl("network", "rm", "front", "back");
});

/** nerdctl gives the ports of a container to each of its networks, and calls the plugins of all at once. */
test("nerdctl: a published port of a container in two networks", async (t) => {
  const { host, nerdctl } = await prepare(t);
  host.bind(pluginFolder(), "/opt/cni/bin");
  const before = snapshot(host);

  createFrontAndBack(nerdctl);
  run(nerdctl, "web", "--network", "front", "--network", "back", "--publish", "8080:80");
  await assertServed(host, ["http://127.0.0.1:8080/", `http://${hostAddress.ipv4}:8080/`]);

  nerdctl("rm", "--force", "web");
  assert.ok(isUnreachable(host, "http://127.0.0.1:8080/"));
  assertNothingLeft(host, before, bridges, "after rm -f");
});

/** A host with a neighbour, containerd 2 and the image. */
async function prepare(t: TestContext): Promise<{ host: Host; nerdctl: Nerdctl }> {
  const host = await hostFor(t);
  t.after(() => removeCgroups(namespace));
  addOutside(host);
  const nerdctl = nerdctlFor(host, await startForNerdctl(host), namespace);
  nerdctl("load", "--input", writeImage(host, image));
  return { host, nerdctl };
}

function createFrontAndBack(nerdctl: Nerdctl): void {
  nerdctl("network", "create", "--subnet", "10.9.1.0/24", "front");
  nerdctl("network", "create", "--subnet", "10.9.2.0/24", "back");
}

/** Starts a container that serves the page, and returns its ID. */
function run(nerdctl: Nerdctl, name: string, ...options: string[]): string {
  return nerdctl("run", "--detach", "--name", name, ...options, image, ...servePage).stdout.trim();
}

function onlyLease(host: Host, network: string): Lease {
  const [lease, ...more] = leases(host, network);
  assert.ok(lease);
  assert.deepEqual(more, []);
  return lease;
}
