import type { JsonObject } from "../../harness/json.ts";
import type { Scenario, Step, Suite } from "../../scenario/scenario.ts";
import { unplugged } from "../bridge/parts.ts";

const full = "/run/small";
const subnet = "10.9.0.0/24";
const lease = (dataDir: string) => ({ ipam: { type: "host-local", subnet, dataDir } });
const bridge = (more: JsonObject = {}): JsonObject => ({
  bridge: "br0",
  isGateway: true,
  ...more,
});
const result = {
  interfaces: [{ name: "eth0", sandbox: "/run/netns/c1" }],
  ips: [{ address: "10.9.0.2/24", gateway: "10.9.0.1", interface: 0 }],
};
const mapping = { runtimeConfig: { portMappings: [{ hostPort: 8080, containerPort: 80, protocol: "tcp" }] } };
const error = { error: {} };
const same: Step = { unchanged: true, except: "furniture" };

/** A small file system at /run/small, with some mount options, that goes before the scenario ends. */
const mounted = (options: string): Step => ({ run: ["mount", "-t", "tmpfs", "-o", options, "tmpfs", full] });
const folder: Step = { run: ["mkdir", "-p", full] };

/** A program in place of an IPAM plugin, by its script. */
const ipamScript = (script: string): Step => ({
  write: "/run/ipam/fake",
  content: `#!/bin/sh\n${script}\n`,
  mode: 0o755,
});
const withFake = { ...bridge(), ipam: { type: "fake" } };
const fakePath = `\${bin}:/run/ipam`;

const asNobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];

const ipamFails = (name: string, script: string): Scenario => ({
  name: `an IPAM plugin that ${name}`,
  plugin: "bridge",
  source: "SPEC 1.1.0, section 2, ADD: a failed ADD must not leave anything; section 5: errors are passed on",
  steps: [
    ipamScript(script),
    { call: "ADD", config: withFake, path: fakePath, expect: error },
    same,
    unplugged(),
  ],
});

/** What holds when the machine refuses something. */
export const resources: Suite = {
  name: "faults",
  scenarios: [
    {
      name: "leases on a full disk",
      plugin: "host-local",
      source: "SPEC 1.1.0, section 5, Error: every failure is reported; DEL must complete",
      steps: [
        folder,
        mounted("size=8k"),
        { run: ["sh", "-c", `head -c 100000 /dev/zero > ${full}/filler`], status: null },
        { call: "ADD", config: lease(`${full}/nets`), expect: error },
        { call: "DEL", config: lease(`${full}/nets`), expect: { either: true } },
        { run: ["rm", `${full}/filler`] },
        {
          call: "ADD",
          config: lease(`${full}/nets`),
          expect: { result: { ips: [{ address: "10.9.0.2/24" }] } },
        },
        { run: ["sh", "-c", `head -c 100000 /dev/zero > ${full}/filler`], status: null },
        { call: "DEL", config: lease(`${full}/nets`) },
        { run: ["test", "!", "-e", `${full}/nets/net1/10.9.0.2`] },
      ],
    },
    {
      name: "leases on a file system without a free inode",
      plugin: "host-local",
      source: "SPEC 1.1.0, section 5, Error",
      steps: [
        folder,
        mounted("nr_inodes=2"),
        { call: "ADD", config: lease(`${full}/nets`), expect: error },
        { call: "DEL", config: lease(`${full}/nets`), expect: { either: true } },
      ],
    },
    {
      name: "leases on a read-only file system",
      plugin: "host-local",
      source: "SPEC 1.1.0, section 5, Error",
      steps: [
        folder,
        mounted("ro"),
        { call: "ADD", config: lease(`${full}/nets`), expect: { error: { names: "[Rr]ead-only|EROFS" } } },
      ],
    },
    {
      name: "a folder of leases that is a file",
      plugin: "host-local",
      source: "SPEC 1.1.0, section 5, Error",
      steps: [
        { write: "/run/file", content: "" },
        { call: "ADD", config: lease("/run/file/nets"), expect: { error: { names: "/run/file" } } },
      ],
    },
    {
      name: "bridge is undone when its leases cannot be written",
      plugin: "bridge",
      source: "SPEC 1.1.0, section 2, ADD",
      steps: [
        folder,
        mounted("ro"),
        { call: "ADD", config: { ...bridge(), ...lease(`${full}/nets`) }, expect: error },
        { look: ["ip", "-j", "link", "show", "type", "veth"], shows: [] },
        unplugged(),
      ],
    },
    ...(["bridge", "portmap", "firewall", "tuning", "loopback"] as const).map(
      (plugin): Scenario => ({
        name: `${plugin} without the privileges it needs`,
        plugin,
        source: "SPEC 1.1.0, section 5, Error: an error object, also then",
        steps: [
          {
            call: "ADD",
            under: asNobody,
            config: { ...bridge(), ...mapping, ...(plugin === "bridge" && lease("/run/nets")), mtu: 1400 },
            ...(plugin !== "bridge" && plugin !== "loopback" && { prevResult: result }),
            expect: error,
          },
          { unchanged: true },
        ],
      }),
    ),
    {
      name: "a result that nobody can take",
      plugin: "bridge",
      source: "SPEC 1.1.0, section 2, ADD: without a result there is no attachment to end",
      steps: [
        {
          do: async ({ host, binDir, version }) => {
            const config = {
              cniVersion: version,
              name: "net1",
              type: "bridge",
              ...bridge(),
              ...lease("/run/nets"),
            };
            const env = {
              PATH: "/usr/sbin:/usr/bin:/sbin:/bin",
              CNI_COMMAND: "ADD",
              CNI_CONTAINERID: "c1",
              CNI_NETNS: "/run/netns/c1",
              CNI_IFNAME: "eth0",
              CNI_PATH: binDir,
            };
            const script = 'exec "$0" > /dev/full';
            const { status } = await host.runAsync("sh", ["-c", script, `${binDir}/bridge`], {
              env,
              input: JSON.stringify(config),
              check: false,
            });
            if (status === 0) throw new Error("the exit status is 0, though the result went nowhere");
          },
          what: "ADD with a full standard output ends with another status than 0",
        },
        same,
        unplugged(),
      ],
    },
    ipamFails("fails", `echo '{"cniVersion": "1.1.0", "code": 11, "msg": "try again later"}'; exit 1`),
    ipamFails("fails without a word", "exit 1"),
    ipamFails("prints what is no result", "echo hello"),
    ipamFails("prints nothing", "exit 0"),
    ipamFails("is killed", "kill -9 $$"),
    ipamFails("gives no address", `[ "$CNI_COMMAND" = DEL ] || echo '{"cniVersion": "1.1.0", "ips": []}'`),
    ipamFails(
      "gives an address that is none",
      `[ "$CNI_COMMAND" = DEL ] || echo '{"cniVersion": "1.1.0", "ips": [{"address": "10.0.0.300/24"}]}'`,
    ),
    {
      name: "an IPAM plugin that cannot be found",
      plugin: "bridge",
      source: "SPEC 1.1.0, section 4, Plugin Delegation: the executable is searched in CNI_PATH",
      steps: [
        {
          call: "ADD",
          config: { ...bridge(), ipam: { type: "nowhere" } },
          expect: { error: { names: "nowhere" } },
        },
        same,
      ],
    },
    {
      name: "an IPAM plugin that is no program",
      plugin: "bridge",
      source: "SPEC 1.1.0, section 4, Plugin Delegation",
      steps: [
        { write: "/run/ipam/fake", content: "not a program", mode: 0o755 },
        { call: "ADD", config: withFake, path: fakePath, expect: error },
        same,
      ],
    },
    {
      name: "an interface of that name is there already",
      plugin: "bridge",
      source: "SPEC 1.1.0, section 2, ADD: an interface name that exists already must be an error",
      steps: [
        { run: ["ip", "link", "add", "eth0", "type", "veth", "peer", "name", "other"], in: "c1" },
        { call: "ADD", config: { ...bridge(), ...lease("/run/nets") }, expect: { error: { names: "eth0" } } },
        { look: ["ip", "-j", "link", "show", "dev", "eth0"], in: "c1", shows: [{ ifname: "eth0" }] },
        { unchanged: true, except: "furniture" },
      ],
    },
    {
      name: "a file where the namespace should be",
      plugin: "bridge",
      source: "SPEC 1.1.0, section 2, CNI_NETNS",
      steps: [
        { write: "/run/file", content: "" },
        {
          call: "ADD",
          config: { ...bridge(), ...lease("/run/nets") },
          netns: "/run/file",
          expect: { error: { names: "/run/file" } },
        },
        { unchanged: true, except: "furniture" },
        {
          call: "ADD",
          config: { ...bridge(), ...lease("/run/nets") },
          netns: "/run/none",
          expect: { error: { names: "/run/none" } },
        },
        { unchanged: true, except: "furniture" },
      ],
    },
  ],
};
