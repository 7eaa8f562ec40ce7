/** Each executable in a root directory that holds nothing but the libraries which README.md names. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type Host, hostFor } from "../harness/host/host.ts";
import { asObject, parse } from "../harness/host/json.ts";
import { pluginFolder, pluginNames } from "../harness/plugins/binaries.ts";
import { type PluginCall, pluginEnvironment } from "../harness/plugins/plugin-call.ts";
import { firstAddress } from "../harness/plugins/result.ts";

/** What glibc, libstdc++ and libgcc consist of; nothing else may be needed. */
const allowed =
  /^(linux-vdso|libc|libdl|libm|libpthread|librt|libgcc_s|libstdc\+\+|ld-linux[-\w]*)\.so[.\d]*$/;

/** Makes the root directory in the host, with the executables in /plugins, and returns its path. */
function minimalRoot(host: Host): string {
  const root = host.tempDir();
  for (const folder of ["plugins", "proc", "run/netns", "tmp"])
    host.run("mkdir", ["-p", `${root}/${folder}`]);
  for (const library of libraries(host)) {
    host.run("mkdir", ["-p", `${root}${library.replace(/\/[^/]*$/, "")}`]);
    host.run("cp", ["-L", library, `${root}${library}`]);
  }
  host.run("mount", ["--bind", "-o", "ro", pluginFolder(), `${root}/plugins`]);
  host.run("mount", ["-t", "proc", "proc", `${root}/proc`]);
  return root;
}

/** The paths of the shared libraries that the executables name. */
function libraries(host: Host): string[] {
  const found = new Set<string>();
  for (const name of pluginNames) {
    for (const line of host.run("ldd", [`${pluginFolder()}/${name}`]).stdout.split("\n")) {
      const [, path] = /(\/\S+) \(0x/.exec(line) ?? [];
      const [library] = line.trim().split(" ");
      if (library === undefined || library === "") continue;
      assert.match(library.replace(/^.*\//, ""), allowed, `${name} needs a library that hosts may lack`);
      if (path !== undefined) found.add(path);
    }
  }
  return [...found];
}

function callIn(host: Host, root: string, name: string, call: PluginCall, config: unknown) {
  const env = pluginEnvironment("", { ...call, path: "/plugins", extraEnv: {} });
  const input = JSON.stringify(config);
  const done = host.run("/usr/sbin/chroot", [root, `/plugins/${name}`], { env, input, check: false });
  return { status: done.status, stderr: done.stderr, stdout: done.stdout };
}

function files(host: Host, root: string): string[] {
  const { stdout } = host.run("find", [root, "-xdev", "-type", "f"]);
  return stdout
    .split("\n")
    .map((path) => path.slice(root.length))
    .sort();
}

for (const name of pluginNames) {
  test(`${name} answers with an empty environment`, async (t) => {
    const host = await hostFor(t);
    const root = minimalRoot(host);
    const { status, stderr, stdout } = callIn(host, root, name, { command: "VERSION" }, "");
    assert.deepEqual([status, stderr], [0, ""]);
    assert.equal(asObject(parse(stdout))["cniVersion"], "1.1.0");
  });
}

test("bridge, host-local, tuning and loopback attach a container there, and write no file but the lease's and a lock", async (t) => {
  const host = await hostFor(t);
  const netns = host.addNetns("c1");
  const root = minimalRoot(host);
  host.run("mount", ["--rbind", "/run/netns", `${root}/run/netns`]);
  const before = files(host, root);
  const common = { cniVersion: "1.0.0", name: "net1", bridge: "bridge0", isDefaultGateway: true };
  const ipam = { type: "host-local", ranges: [[{ subnet: "10.1.2.0/24" }], [{ subnet: "fd12::/64" }]] };
  const config = { ...common, ipam };
  const call = { containerId: "c1", netns, ifname: "eth0" };

  const added = callIn(host, root, "bridge", { command: "ADD", ...call }, config);
  assert.deepEqual([added.status, added.stderr], [0, ""], added.stdout);
  const prevResult = parse(added.stdout);
  host.run("ping", ["-c1", "-W30", firstAddress(prevResult)]);
  const tuning = { ...common, sysctl: { "net.core.somaxconn": "500" }, prevResult };
  for (const [name, conf] of [
    ["tuning", tuning],
    ["loopback", { ...common }],
  ] as const) {
    const done = callIn(host, root, name, { command: "ADD", ...call }, conf);
    assert.deepEqual([done.status, done.stderr], [0, ""], done.stdout);
  }
  assert.match(host.inNetns("c1", "ip", ["-br", "link", "show", "lo"]).stdout, /UP/);

  const deleted = callIn(host, root, "bridge", { command: "DEL", ...call }, config);
  assert.deepEqual(deleted, { status: 0, stderr: "", stdout: "" });
  const written = files(host, root).filter((path) => !before.includes(path));
  const ofNetwork =
    /^\/var\/lib\/cni\/networks\/(net1\/(lock|last_reserved_ip\.\d)|\.host-local\/net1\/state)$/;
  assert.deepEqual(
    written.filter((path) => !ofNetwork.test(path)),
    ["/run/cni-bridge.lock"],
  );
});

test("portmap and firewall say there that iptables is missing", async (t) => {
  const host = await hostFor(t);
  const netns = host.addNetns("c1");
  const root = minimalRoot(host);
  const prevResult = { cniVersion: "1.0.0", ips: [{ address: "10.1.2.3/24" }] };
  const runtimeConfig = { portMappings: [{ hostPort: 80, containerPort: 80, protocol: "tcp" }] };
  for (const name of ["portmap", "firewall"]) {
    const call = { command: "ADD", containerId: "c1", netns, ifname: "eth0" } as const;
    const config = { cniVersion: "1.0.0", name: "net1", backend: "iptables", prevResult, runtimeConfig };
    const { status, stderr, stdout } = callIn(host, root, name, call, config);
    assert.deepEqual([status, stderr], [1, ""]);
    const { code, msg, details } = asObject(parse(stdout));
    assert.equal(code, 101);
    assert.match(`${msg}; ${details}`, /iptables.*install/);
  }
});

test("portmap publishes ports there by nftables, without any program", async (t) => {
  const host = await hostFor(t);
  const netns = host.addNetns("c1");
  const root = minimalRoot(host);
  const config = {
    ...{ cniVersion: "1.0.0", name: "net1" },
    prevResult: { cniVersion: "1.0.0", ips: [{ address: "10.1.2.3/24" }] },
    runtimeConfig: { portMappings: [{ hostPort: 80, containerPort: 80, protocol: "tcp" }] },
  };
  for (const command of ["ADD", "CHECK", "DEL"] as const) {
    const call = { command, containerId: "c1", netns, ifname: "eth0" };
    const { status, stderr, stdout } = callIn(host, root, "portmap", call, config);
    assert.deepEqual([status, stderr], [0, ""], stdout);
    const published = host.run("nft", ["list", "ruleset"]).stdout.includes('comment "net1/c1/eth0"');
    assert.equal(published, command !== "DEL");
  }
});
