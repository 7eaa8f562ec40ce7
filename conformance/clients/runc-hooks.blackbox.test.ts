import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { type TestContext, test } from "node:test";
import { assertServed, servePage } from "../harness/clients/page.ts";
import { type Hooks, runcFor, writeBundle } from "../harness/clients/runc.ts";
import { removeCgroups } from "../harness/host/cgroups.ts";
import { type Host, hostFor } from "../harness/host/host.ts";
import { leases } from "../harness/host/inspect.ts";
import { parseObject } from "../harness/host/json.ts";
import { snapshot } from "../harness/host/snapshot.ts";
import { pluginFolder } from "../harness/plugins/binaries.ts";
import { readConflist } from "../harness/plugins/conflist.ts";
import { assertNothingLeft } from "../harness/plugins/leaks.ts";
import { addOutside, isUnreachable, outsideAddresses, serveHttp } from "../harness/traffic/traffic.ts";

const cgroup = `cni-test-${process.pid}`;
const list = readConflist("10-mynet-0.2.0.conf");
const { host: near, outside: far } = outsideAddresses;
const published = `http://${near.ipv4}:8080/`;

test("runc with a createRuntime and a poststop hook: a 0.2.0 configuration on a bridge that is there already", async (t) => {
  const host = await hostWithHooks(t);
  host.run("ip", ["link", "add", "br0", "type", "bridge"]);
  host.run("ip", ["address", "add", "10.10.10.1/24", "dev", "br0"]);
  host.run("ip", ["link", "set", "br0", "up"]);
  const folder = host.tempDir();
  host.writeFile(`${folder}/${list.file}`, list.text);
  await serveHttp(host, "outside", 80, "far away");
  const hooks = hooksWith("createRuntime", folder, list.name, list.cniVersion);
  const bundle = writeBundle(host, servePage, hooks, cgroup);
  const runc = runcFor(host);
  const before = snapshot(host);

  runc("run", "--detach", "--bundle", bundle, "web");
  const [lease, ...more] = leases(host, list.name, list.dataDir);
  assert.ok(lease);
  assert.deepEqual(more, []);
  const result = parseObject(host.readFile(`${folder}/eth0.result`));
  assert.deepEqual(result, {
    cniVersion: "0.2.0",
    ip4: { ip: `${lease.address}/24`, gateway: "10.10.10.1", routes: [{ dst: "0.0.0.0/0" }] },
    dns: { nameservers: ["8.8.8.8"] },
  });
  const shown = runc("exec", "web", "ip", "address", "show", "dev", "eth0").stdout;
  assert.ok(shown.includes(`inet ${lease.address}/24 `), shown);
  await assertServed(host, [`http://${lease.address}/`, "http://127.0.0.1:8080/", published]);
  const answer = parseObject(runc("exec", "web", "wget", "-q", "-O", "-", `http://${far.ipv4}/`).stdout);
  assert.deepEqual(answer, { page: "far away", client: near.ipv4 }, "masqueraded on the way out");

  runc("delete", "--force", "web");
  assert.ok(isUnreachable(host, "http://127.0.0.1:8080/"));
  // `assertNothingLeft` would let the bridge go: it was there before, and so it stays.
  assertNothingLeft(host, before, "none", "after poststop");
});

test("runc with a prestart and a poststop hook: a shell loop over several configurations, an interface for each", async (t) => {
  const host = await hostWithHooks(t);
  const folder = host.tempDir();
  for (const n of [0, 1, 2]) host.writeFile(`${folder}/${n}-net.conf`, JSON.stringify(network(n), null, 2));
  const before = snapshot(host);
  const bundle = writeBundle(host, servePage, hooksWith("prestart", folder, "net0", "1.0.0"), cgroup);
  const runc = runcFor(host);

  runc("run", "--detach", "--bundle", bundle, "web");
  const shown = runc("exec", "web", "ip", "-o", "address").stdout;
  for (const n of [0, 1, 2]) {
    const [lease, ...more] = leases(host, `net${n}`);
    assert.ok(lease);
    assert.deepEqual(more, []);
    assert.equal(lease.ifname, `eth${n}`);
    assert.match(shown, new RegExp(`eth${n} +inet ${lease.address}/24 `));
    await assertServed(host, [`http://${lease.address}/`]);
  }
  await assertServed(host, [published]);

  runc("delete", "--force", "web");
  assert.ok(isUnreachable(host, published));
  assertNothingLeft(host, before, "br[012]", "after poststop");
});

function network(n: number) {
  const ipam = { type: "host-local", subnet: `10.20.${n}.0/24` };
  return {
    cniVersion: "1.0.0",
    name: `net${n}`,
    type: "bridge",
    bridge: `br${n}`,
    // The first one has the default route.
    ...(n === 0 ? { isDefaultGateway: true } : { isGateway: true }),
    ipMasq: true,
    ipam,
  };
}

function hooksWith(
  first: "prestart" | "createRuntime",
  folder: string,
  network: string,
  version: string,
): Hooks {
  const ports = JSON.stringify([{ hostPort: 8080, containerPort: 80, protocol: "tcp" }]);
  const env = [`PORTS=${ports}`, `NETWORK=${network}`, `VERSION=${version}`];
  const hook = (name: string) => {
    const path = `/etc/cni/hooks/${name}.sh`;
    return { path, args: [path, folder], env: ["PATH=/usr/sbin:/usr/bin:/sbin:/bin", ...env] };
  };
  return { [first]: [hook("attach")], poststop: [hook("detach")] };
}

/** A host with a neighbour, the plugins, and the hooks of fixtures/hooks in /etc/cni/hooks. */
async function hostWithHooks(t: TestContext): Promise<Host> {
  const host = await hostFor(t);
  t.after(() => removeCgroups(cgroup));
  addOutside(host);
  host.bind(pluginFolder(), "/opt/cni/bin");
  for (const name of ["attach.sh", "detach.sh"]) {
    const script = readFileSync(new URL(`../fixtures/hooks/${name}`, import.meta.url));
    host.writeFile(`/etc/cni/hooks/${name}`, script, 0o755);
  }
  return host;
}
