/** Which iptables is used: the one that `iptables` in PATH is. What another one has made is not forgotten. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { standardPath } from "../harness/host/command.ts";
import { type Host, hostFor } from "../harness/host/host.ts";
import { type JsonObject, parseObject } from "../harness/host/json.ts";
import { pluginFolder } from "../harness/plugins/binaries.ts";
import { type Command, callPlugin } from "../harness/plugins/plugin-call.ts";
import { beyondPeer, choose, type Flavour } from "./portmap/setting.ts";

const ranges = [[{ subnet: "10.1.2.0/24" }], [{ subnet: "2001:db8:5::/64" }]];
const common = { cniVersion: "1.0.0", name: "net1" };
const prevResult = {
  cniVersion: "1.0.0",
  interfaces: [{ name: "bridge0" }, { name: "veth0" }, { name: "eth0", sandbox: "/run/netns/c1" }],
  ips: [
    { address: "10.1.2.2/24", interface: 2 },
    { address: "2001:db8:5::2/64", interface: 2 },
  ],
};
const configs: Record<string, JsonObject> = {
  bridge: {
    ...{ ...common, type: "bridge", bridge: "bridge0", isGateway: true, ipMasq: true },
    ipam: { type: "host-local", ranges },
  },
  portmap: {
    ...{ ...common, type: "portmap", prevResult },
    runtimeConfig: { portMappings: [{ hostPort: 8080, containerPort: 80, protocol: "tcp" }] },
  },
  firewall: { ...common, type: "firewall", backend: "iptables", prevResult },
};

const flavours: readonly Flavour[] = ["nft", "legacy"];
const plugins = Object.keys(configs);
const own = "/run/test/sbin";

type Attachment = { host: Host; plugin: string; result?: JsonObject; path?: string };

function call({ host, plugin, result, path = standardPath }: Attachment, command: Command) {
  const environment = { command, containerId: "c1", netns: "/run/netns/c1", ifname: "eth0" };
  const config = { ...configs[plugin], ...(result && { prevResult: result }) };
  const bin = `${pluginFolder()}/${plugin}`;
  return callPlugin(host, bin, { ...environment, extraEnv: { PATH: path } }, config);
}

function succeed(attachment: Attachment, command: Command): JsonObject {
  const { status, stdout } = call(attachment, command);
  assert.equal(status, 0, `${command}: ${stdout}`);
  return stdout === "" ? {} : parseObject(stdout);
}

/** The container's rules of both families in the tables of one variant. */
function rules(host: Host, flavour: Flavour): string[] {
  return ["iptables", "ip6tables"]
    .flatMap((tool) => host.run(`${tool}-${flavour}-save`).stdout.split("\n"))
    .filter(
      (line) => line.startsWith("-A") && /CNI-[0-9a-f]{24}|CNI-DN-|10\.1\.2\.2|2001:db8:5::2\b/.test(line),
    );
}

async function hostOf(t: Parameters<typeof hostFor>[0], flavour: Flavour): Promise<Host> {
  const host = await hostFor(t);
  choose(host, flavour);
  host.addNetns("c1");
  host.run("mkdir", [own]);
  return host;
}

function uninstall(host: Host, parts = ["", "-save", "-restore"]): void {
  for (const tool of ["iptables", "ip6tables"]) {
    for (const part of parts) host.run("ln", ["-sfn", "/nowhere", `/etc/alternatives/${tool}${part}`]);
  }
}

const other = (flavour: Flavour): Flavour => (flavour === "nft" ? "legacy" : "nft");

const meanwhile: [what: string, change: (host: Host, flavour: Flavour) => void][] = [
  ["were uninstalled", (host) => uninstall(host)],
  ["are of the other variant", (host, flavour) => choose(host, other(flavour))],
];

for (const plugin of plugins) {
  for (const flavour of flavours) {
    for (const [what, change] of meanwhile) {
      test(
        `${plugin}: rules of iptables-${flavour} are not forgotten when the programs ${what}`,
        beyondPeer,
        async (t) => {
          const host = await hostOf(t, flavour);
          const result = succeed({ host, plugin }, "ADD");
          const made = rules(host, flavour);
          assert.ok(made.length > 0);
          change(host, flavour);
          for (const attachment of [
            { host, plugin, result },
            { host, plugin, result },
          ]) {
            const { status, stdout } = call(attachment, "DEL");
            assert.notEqual(status, 0);
            assert.equal(parseObject(stdout)["code"], 101, stdout);
          }
          assert.deepEqual(rules(host, flavour), made);
          choose(host, flavour);
          succeed({ host, plugin, result }, "DEL");
          assert.deepEqual(rules(host, flavour), []);
          // Nothing is there any more that could be out of reach.
          change(host, flavour);
          succeed({ host, plugin, result }, "DEL");
        },
      );
    }
  }
}

const wrapper = (program: string): string => `#!/bin/sh\nexec ${program} "$@"\n`;

/** What may be the first `iptables` in PATH, without others beside it; /usr/sbin has those of the other variant. */
const firsts: [what: string, put: (host: Host, tool: string, flavour: Flavour) => void][] = [
  [
    "a link to",
    (host, tool, flavour) => host.run("ln", ["-s", `/usr/sbin/${tool}-${flavour}`, `${own}/${tool}`]),
  ],
  [
    "a link to the file of",
    (host, tool, flavour) => host.run("ln", ["-s", `/usr/sbin/xtables-${flavour}-multi`, `${own}/${tool}`]),
  ],
  [
    "a wrapper of",
    (host, tool, flavour) => host.writeFile(`${own}/${tool}`, wrapper(`/usr/sbin/${tool}-${flavour}`), 0o755),
  ],
  [
    "a wrapper among links to the other variant, of",
    (host, tool, flavour) => {
      host.writeFile(`${own}/${tool}`, wrapper(`/usr/sbin/${tool}-${flavour}`), 0o755);
      for (const part of ["save", "restore"]) {
        host.run("ln", ["-s", `/usr/sbin/${tool}-${other(flavour)}-${part}`, `${own}/${tool}-${part}`]);
      }
    },
  ],
];

for (const flavour of flavours) {
  for (const [what, put] of firsts) {
    test(`the first iptables in PATH decides: ${what} iptables-${flavour}`, beyondPeer, async (t) => {
      const host = await hostOf(t, other(flavour));
      for (const tool of ["iptables", "ip6tables"]) put(host, tool, flavour);
      const path = `${own}:${standardPath}`;
      for (const plugin of plugins) {
        const result = succeed({ host, plugin, path }, "ADD");
        assert.ok(rules(host, flavour).length > 0, plugin);
        assert.deepEqual(rules(host, other(flavour)), [], plugin);
        succeed({ host, plugin, path, result }, "CHECK");
        succeed({ host, plugin, path, result }, "DEL");
        assert.deepEqual(rules(host, flavour), [], plugin);
      }
    });
  }

  test(`iptables-${flavour} without -save and -restore is used as it is`, beyondPeer, async (t) => {
    const host = await hostOf(t, flavour);
    uninstall(host, ["-save", "-restore"]);
    for (const plugin of plugins) {
      const result = succeed({ host, plugin }, "ADD");
      assert.ok(rules(host, flavour).length > 0, plugin);
      succeed({ host, plugin, result }, "CHECK");
      succeed({ host, plugin, result }, "DEL");
      assert.deepEqual(rules(host, flavour), [], plugin);
    }
  });
}
