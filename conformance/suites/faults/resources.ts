import type { Scenario, Suite } from "../../scenario/scenario.ts";
import { StepFailure } from "../../scenario/world.ts";
import { unplugged } from "../bridge/parts.ts";
import { disks } from "./disks.ts";
import { bridge, error, lease, mapping, result, same } from "./parts.ts";
import { programs } from "./programs.ts";

const asNobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];

/** What holds when the machine refuses something. */
export const resources: Suite = {
  name: "faults",
  scenarios: [
    ...disks,
    ...(["bridge", "host-local", "portmap", "firewall", "tuning", "loopback"] as const).map(
      (plugin): Scenario => ({
        name: `${plugin} without the privileges it needs`,
        plugin,
        source: "SPEC 1.1.0, section 5, Error: an error object, also then",
        steps: [
          {
            call: "ADD",
            under: asNobody,
            config: { ...bridge, ...mapping, ...lease("/run/nets"), mtu: 1400 },
            ...(isChained(plugin) && { prevResult: result }),
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
              ...bridge,
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
            if (status === 0)
              throw new StepFailure("the exit status is 0, though the result went nowhere", "ADD");
          },
          what: "ADD with a full standard output ends with another status than 0",
        },
        same,
        unplugged(),
      ],
    },
    ...programs,
    {
      name: "an interface of that name is there already",
      plugin: "bridge",
      source: "SPEC 1.1.0, section 2, ADD: an interface name that exists already must be an error",
      steps: [
        { run: ["ip", "link", "add", "eth0", "type", "veth", "peer", "name", "other"], in: "c1" },
        { call: "ADD", config: { ...bridge, ...lease("/run/nets") }, expect: { error: { names: "eth0" } } },
        { look: ["ip", "-j", "link", "show", "dev", "eth0"], in: "c1", shows: [{ ifname: "eth0" }] },
        same,
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
          config: { ...bridge, ...lease("/run/nets") },
          netns: "/run/file",
          expect: { error: { names: "/run/file" } },
        },
        same,
        {
          call: "ADD",
          config: { ...bridge, ...lease("/run/nets") },
          netns: "/run/none",
          expect: { error: { names: "/run/none" } },
        },
        same,
      ],
    },
  ],
};

function isChained(plugin: string): boolean {
  return ["portmap", "firewall", "tuning"].includes(plugin);
}
