/**
 * A machine that has no process, file or memory to spare, or does not let a plugin start one: at every start of a process
 * by ADD, CHECK, DEL and GC. A success is one, and a later DEL leaves nothing.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type Host, hostFor } from "../harness/host/host.ts";
import { type JsonObject, parse, parseObject } from "../harness/host/json.ts";
import { pluginFolder } from "../harness/plugins/binaries.ts";
import { type Command, pluginEnvironment } from "../harness/plugins/plugin-call.ts";
import { beyondPeer, choose, type Flavour } from "./portmap/setting.ts";

const ranges = [[{ subnet: "10.1.2.0/24" }], [{ subnet: "2001:db8:5::/64" }]];
const common = { cniVersion: "1.1.0", name: "net1" };
const bridge = { ...common, type: "bridge", bridge: "bridge0", isGateway: true, ipMasq: true };
const prevResult = {
  cniVersion: "1.1.0",
  interfaces: [{ name: "bridge0" }, { name: "veth0" }, { name: "eth0", sandbox: "/run/netns/c1" }],
  ips: [
    { address: "10.1.2.2/24", interface: 2 },
    { address: "2001:db8:5::2/64", interface: 2 },
  ],
};

/** Backends are left open where that is possible: none may take over because the other cannot work this time. */
const configs: Record<string, JsonObject> = {
  bridge: { ...bridge, ipam: { type: "ipam", ranges } },
  portmap: {
    ...{ ...common, type: "portmap", prevResult },
    runtimeConfig: { portMappings: [{ hostPort: 8080, containerPort: 80, protocol: "tcp" }] },
  },
  firewall: { ...common, type: "firewall", backend: "iptables", prevResult, ingressPolicy: "same-bridge" },
};

/** What refuses to work, and how the error names it. */
const refusals: Record<string, { inject: string; says: RegExp }> = {
  "a full cgroup": { inject: "clone,clone3,fork,vfork:error=EAGAIN", says: /EAGAIN/ },
  seccomp: { inject: "memfd_create:error=EPERM", says: /EPERM/ },
};

const cases: [Flavour, string, readonly Command[]][] = [
  ["nft", "a full cgroup", ["ADD", "CHECK", "DEL", "GC"]],
  ["nft", "seccomp", ["ADD", "DEL"]],
  ["legacy", "a full cgroup", ["ADD", "DEL", "GC"]],
];

/** What the plugins make, without what the first container sets up for all. */
function made(host: Host): string[] {
  const rules = ["iptables-save", "ip6tables-save"].flatMap((tool) => host.run(tool).stdout.split("\n"));
  const ofContainer = /CNI-[0-9a-f]{24}|CNI-DN-|CNI-SN-|10\.1\.2\.2|2001:db8:5::2\b/;
  const tables = host.run("nft", ["list", "tables"]).stdout.split("\n");
  const links = host.run("ip", ["-o", "link", "show", "type", "veth"]).stdout.split("\n");
  const leases = host.run("find", ["/var/lib/cni", "-name", "[0-9]*[.:]*"]).stdout.split("\n");
  return [
    ...rules.filter((line) => line.startsWith("-A") && ofContainer.test(line)),
    ...tables.filter((line) => line.includes("cni_")),
    ...[...links, ...leases].filter((line) => line !== ""),
  ];
}

/** How many of the system calls that are to fail a call makes which starts no process. */
function countedIn(host: Host, bin: string, inject: string): number {
  const [calls = ""] = inject.split(":");
  host.run("strace", ["-f", "-qq", "-o", "/run/test/trace", "-e", `trace=${calls}`, bin], {
    env: pluginEnvironment(bin, { command: "VERSION" }),
    input: '{"cniVersion":"1.1.0"}',
  });
  return [...host.readFile("/run/test/trace").matchAll(/ = \d+$/gm)].length;
}

for (const plugin of ["bridge", "portmap", "firewall"]) {
  for (const [flavour, what, commands] of cases) {
    const { inject, says } = refusals[what] ?? { inject: "", says: /^$/ };
    test(`${plugin}, ${flavour}: ${what}, at each start of a process`, beyondPeer, async (t) => {
      const host = await hostFor(t);
      choose(host, flavour);
      host.addNetns("c1");
      // Not the file of ours, which would do its work within bridge.
      host.writeFile("/run/test/ipam", `#!/bin/sh\nexec ${pluginFolder()}/host-local\n`, 0o755);
      const bin = `${pluginFolder()}/${plugin}`;
      let result: JsonObject = {};
      /** Makes a call in which the nth start fails, if it is not undefined. Returns whether there was one. */
      const call = (command: Command, nth?: number) => {
        const isOfContainer = command !== "GC";
        const env = pluginEnvironment(bin, {
          ...{ command, path: `/run/test:${pluginFolder()}` },
          ...(isOfContainer && { containerId: "c1", netns: "/run/netns/c1", ifname: "eth0" }),
        });
        const base: JsonObject = { ...configs[plugin], ...(isOfContainer && plugin === "bridge" && result) };
        const { prevResult: _prevResult, ...rest } = base;
        const config = isOfContainer ? base : { ...rest, "cni.dev/valid-attachments": [] };
        const trace = ["-f", "-qq", "-o", "/run/test/trace", "-e", `inject=${inject}:when=${nth}`];
        const words = nth === undefined ? [bin] : ["strace", ...trace, bin];
        const [file = "", ...args] = words;
        const outcome = host.run(file, args, { env, input: JSON.stringify(config), check: false });
        const wasInjected = nth !== undefined && host.readFile("/run/test/trace").includes("(INJECTED)");
        return { ...outcome, wasInjected };
      };
      const succeed = (command: Command): void => {
        const { status, stdout } = call(command);
        assert.equal(status, 0, `${command}: ${stdout}`);
        if (command === "ADD" && plugin === "bridge") result = { prevResult: parseObject(stdout) };
      };
      const reason = (stdout: string): void => {
        const { code, msg } = parseObject(stdout);
        assert.ok(code === 11 || code === 100, stdout);
        assert.match(String(msg), says);
      };
      // Those that Node makes threads by.
      const first = countedIn(host, bin, inject) + 1;
      succeed("ADD");
      const whole = made(host).length;
      succeed("DEL");
      result = {};
      const nothing = made(host);
      for (const command of commands) {
        for (let nth = first; ; nth++) {
          const where = `${command}, ${what} at start ${nth}`;
          if (command !== "ADD") succeed("ADD");
          const { status, stdout, wasInjected } = call(command, nth);
          if (status !== 0) reason(stdout);
          if (status === 0 && command === "ADD") {
            assert.equal(made(host).length, whole, `${where} made all`);
            assert.deepEqual(Object.keys(parse(stdout) ?? {}).length > 0, true);
          }
          if (status === 0 && command === "DEL") assert.deepEqual(made(host), nothing, where);
          if (command === "CHECK") assert.equal(made(host).length, whole, `${where} changed nothing`);
          if (command === "GC" && status === 0)
            assert.deepEqual(
              made(host).filter((line) => !line.includes("veth")),
              nothing,
              where,
            );
          succeed("DEL");
          assert.deepEqual(made(host), nothing, `DEL after ${where}`);
          result = {};
          if (!wasInjected) break;
        }
      }
    });
  }
}
