/** What bridge's programs inherit, hold and leave. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type Host, hostFor } from "../../harness/host/host.ts";
import { type Family, iptablesSave } from "../../harness/host/inspect.ts";
import { type JsonObject, parseObject } from "../../harness/host/json.ts";
import { pluginFolder } from "../../harness/plugins/binaries.ts";
import { type Command, callPlugin, pluginEnvironment } from "../../harness/plugins/plugin-call.ts";
import { beyondPeer, choose } from "../portmap/setting.ts";

const bin = `${pluginFolder()}/bridge`;
const ranges = [[{ subnet: "10.1.2.0/24" }], [{ subnet: "2001:db8:5::/64" }]];
const config = {
  ...{ cniVersion: "1.0.0", name: "net1", type: "bridge", bridge: "bridge0", isGateway: true, ipMasq: true },
  ...{ ipMasqBackend: "iptables", ipam: { type: "host-local", ranges } },
};

const callOf = (command: Command, path = pluginFolder()) => ({
  ...{ command, containerId: "c1", netns: "/run/netns/c1", ifname: "eth0", path },
});

function masquerading(host: Host, family: Family): string[] {
  return iptablesSave(host, family, "nat").filter((line) => /CNI-.* -j MASQUERADE/.test(line));
}

/** A program in another one's place that notes which files it has been given. */
function spyOn(host: Host, program: string, path: string): void {
  const note = `ls /proc/$$/fd > /run/test/$(basename "$0")`;
  host.writeFile(path, `#!/bin/sh\n${note}\nexec ${program} "$@"\n`, 0o755);
}

const kernels: [name: string, injection: string][] = [
  ["as it is", "getcpu"],
  ["without close_range", "close_range"],
];

for (const [kernel, missing] of kernels) {
  test(`programs get none of the caller's open files; on a kernel ${kernel}`, beyondPeer, async (t) => {
    const host = await hostFor(t);
    host.addNetns("c1");
    spyOn(host, `${pluginFolder()}/host-local`, "/run/spies/spy");
    spyOn(host, "/usr/sbin/iptables-restore", "/run/spies/iptables-restore");
    for (const name of ["iptables", "iptables-save"]) {
      host.run("ln", ["-s", `/usr/sbin/${name}`, `/run/spies/${name}`]);
    }
    const env = pluginEnvironment(bin, callOf("ADD", `/run/spies:${pluginFolder()}`));
    const script = 'exec 400< /etc/hostname; exec "$@"';
    const inject = ["-f", "-qq", "-o", "/dev/null", "-e", `inject=${missing}:error=ENOSYS`];
    host.run("bash", ["-c", script, "bash", "strace", ...inject, bin], {
      env: { ...env, PATH: `/run/spies:${env["PATH"]}` },
      input: JSON.stringify({ ...config, ipam: { ...config.ipam, type: "spy" } }),
    });
    for (const program of ["spy", "iptables-restore"]) {
      const fds = host.readFile(`/run/test/${program}`).trim().split("\n");
      assert.ok(fds.includes("2"), program);
      assert.ok(!fds.includes("400"), `${program}: ${fds}`);
    }
  });
}

test("a lock that somebody keeps is waited for once, not for each family", beyondPeer, async (t) => {
  const host = await hostFor(t);
  host.addNetns("c1");
  await host.start("flock", ["/run/cni-iptables.lock", "sh", "-c", "echo ready; exec sleep infinity"]);
  host.run("strace", ["-qq", "-f", "-o", "/run/test/trace", "-e", "trace=flock", bin], {
    env: pluginEnvironment(bin, callOf("ADD")),
    input: JSON.stringify(config),
  });
  const locks = [...host.readFile("/run/test/trace").matchAll(/flock\((\d+), LOCK_EX\|LOCK_NB\) += -1/g)];
  const byFile = Map.groupBy(locks, ([, fd]) => fd);
  const [first = 0, second, ...more] = [...byFile.values()].map(({ length }) => length);
  assert.ok(first > 1);
  assert.deepEqual([second, more], [1, []]);
  for (const family of ["ipv4", "ipv6"] as const) {
    assert.equal(masquerading(host, family).length, 1);
  }
  assert.equal(callPlugin(host, bin, callOf("DEL"), config).status, 0);
});

const kinds: [name: string, missing: readonly string[]][] = [
  ["as it is", []],
  ["without io_uring", ["io_uring_setup:error=EPERM"]],
  ["of 2018", ["pidfd_open:error=ENOSYS", "pidfd_getfd:error=ENOSYS", "io_uring_setup:error=ENOSYS"]],
];

const chain: JsonObject[] = [
  config,
  {
    ...{ cniVersion: "1.0.0", name: "net1", type: "portmap", backend: "iptables" },
    runtimeConfig: { portMappings: [{ hostPort: 8080, containerPort: 80, protocol: "tcp" }] },
  },
  { cniVersion: "1.0.0", name: "net1", type: "firewall", backend: "iptables", ingressPolicy: "same-bridge" },
];

for (const flavour of ["nft", "legacy"] as const) {
  for (const [kernel, missing] of kinds) {
    test(
      `${flavour}: no call leaves a process where the first process reaps none; a kernel ${kernel}`,
      beyondPeer,
      async (t) => {
        const host = await hostFor(t);
        choose(host, flavour);
        host.addNetns("c1");
        host.writeFile("/run/pids", "");
        const first = ["--pid=/run/pids", "--fork", "sh", "-c", "echo ready; exec sleep infinity"];
        await host.start("unshare", first);
        const processes = () => host.run("ps", ["-e", "-o", "stat=,args="]).stdout.split("\n").length;
        const before = processes();
        const strace = [
          "strace",
          "-qq",
          "-f",
          "-o",
          "/dev/null",
          ...missing.flatMap((what) => ["-e", `inject=${what}`]),
        ];
        let result: JsonObject | undefined;
        const run = (command: Command, plugin: JsonObject): void => {
          const program = `${pluginFolder()}/${plugin["type"]}`;
          const words = [...(missing.length > 0 ? strace : []), program];
          const { stdout } = host.run("nsenter", ["--pid=/run/pids", "--", ...words], {
            env: pluginEnvironment(program, callOf(command)),
            input: JSON.stringify({ ...plugin, ...(result && { prevResult: result }) }),
          });
          if (command === "ADD") result = parseObject(stdout);
          assert.equal(processes(), before, `${command} of ${plugin["type"]}`);
        };
        for (let round = 0; round < 3; round++) {
          for (const command of ["ADD", "CHECK"] as const) for (const plugin of chain) run(command, plugin);
          for (const plugin of chain.toReversed()) run("DEL", plugin);
          result = undefined;
        }
      },
    );
  }
}

test("an iptables that has made the rules and does not end is ended", beyondPeer, async (t) => {
  const host = await hostFor(t);
  host.addNetns("c1");
  const script = '#!/bin/sh\n/usr/sbin/iptables-nft-restore "$@"\nexec sleep 987654\n';
  host.writeFile("/run/spies/iptables-restore", script, 0o755);
  for (const name of ["iptables", "iptables-save"]) {
    host.run("ln", ["-s", `/usr/sbin/${name}`, `/run/spies/${name}`]);
  }
  const call = { ...callOf("ADD"), extraEnv: { PATH: "/run/spies:/usr/sbin:/usr/bin" } };
  assert.equal(callPlugin(host, bin, call, config).status, 0);
  assert.equal(masquerading(host, "ipv4").length, 1);
  assert.doesNotMatch(host.run("ps", ["-e", "-o", "args="]).stdout, /987654/);
});
