import type { CallStep } from "../../scenario/call-step.ts";
import type { Scenario, Step } from "../../scenario/scenario.ts";
import { unplugged } from "../bridge/parts.ts";
import { add, link, madeLink, sysctl } from "../tuning/link.ts";
import { bridge, error, lease } from "./parts.ts";

const full = "/run/small";

/** A small file system at /run/small, with some mount options, that goes with the host. */
const mounted = (options: string): Step[] => [
  { run: ["mkdir", "-p", full] },
  { run: ["mount", "-t", "tmpfs", "-o", options, "tmpfs", full] },
];
/** No byte more fits in, which is why the command fails. */
const filled: Step = { run: ["sh", "-c", `head -c 100000 /dev/zero > ${full}/filler`], status: 1 };

/** tuning would change all of this, if it could keep what was before. */
const settings = {
  sysctl: { "net.ipv4.conf.eth0.arp_notify": "1" },
  mtu: 1400,
  promisc: true,
  dataDir: `${full}/tuning`,
};
const unsaved = (disk: string, steps: Step[]): Scenario => ({
  name: `tuning changes nothing when what was before cannot be kept: a ${disk} disk`,
  plugin: "tuning",
  source: "SPEC 1.1.0, section 2, ADD; section 5, Error: every failure is reported",
  steps: [
    ...madeLink,
    ...steps,
    add(settings, { expect: error }),
    link(),
    sysctl("ipv4/conf/eth0/arp_notify", "0"),
    { call: "DEL", config: settings },
    link(),
  ],
});

const leases = "/var/lib/cni/networks/net1";
const isHeld = (last: number, container: string | null): Step => ({
  file: `${leases}/10.9.0.${last}`,
  is: container === null ? null : { $match: `^${container}\\b` },
});
const collect: CallStep = { call: "GC", config: { ...lease(), "cni.dev/valid-attachments": [] } };

/** What holds when the disk is full, read-only or not what it should be. */
export const disks: readonly Scenario[] = [
  {
    name: "leases on a full disk",
    plugin: "host-local",
    source: "SPEC 1.1.0, section 5, Error: every failure is reported; DEL must complete",
    steps: [
      ...mounted("size=8k"),
      filled,
      { call: "ADD", config: lease(`${full}/nets`), expect: error },
      { call: "DEL", config: lease(`${full}/nets`), expect: { either: true } },
      { run: ["rm", `${full}/filler`] },
      {
        call: "ADD",
        config: lease(`${full}/nets`),
        expect: { result: { ips: [{ address: "10.9.0.2/24" }] } },
      },
      filled,
      { call: "DEL", config: lease(`${full}/nets`) },
      { run: ["test", "!", "-e", `${full}/nets/net1/10.9.0.2`] },
    ],
  },
  {
    name: "leases on a file system without a free inode",
    plugin: "host-local",
    source: "SPEC 1.1.0, section 5, Error",
    steps: [
      ...mounted("nr_inodes=2"),
      { call: "ADD", config: lease(`${full}/nets`), expect: error },
      { call: "DEL", config: lease(`${full}/nets`), expect: { either: true } },
    ],
  },
  {
    name: "leases on a read-only file system",
    plugin: "host-local",
    source: "SPEC 1.1.0, section 5, Error",
    steps: [
      ...mounted("ro"),
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
      ...mounted("ro"),
      { call: "ADD", config: { ...bridge, ...lease(`${full}/nets`) }, expect: error },
      { look: ["ip", "-j", "link", "show", "type", "veth"], shows: [] },
      unplugged(),
    ],
  },
  unsaved("full", [...mounted("size=8k"), filled]),
  unsaved("read-only", mounted("ro")),
  {
    name: "GC goes on after a lease that cannot be removed",
    plugin: "host-local",
    source: "SPEC 1.1.0, section 2, GC: after an error, remove as much as possible, and report it",
    containers: ["c1", "c2", "c3"],
    steps: [
      ...["c1", "c2", "c3"].map((container): Step => ({ call: "ADD", container, config: lease() })),
      // A file that something is mounted on cannot be removed.
      { run: ["mount", "--bind", `${leases}/10.9.0.3`, `${leases}/10.9.0.3`] },
      { ...collect, expect: { error: { names: "10\\.9\\.0\\.3|EBUSY|busy" } } },
      isHeld(2, null),
      isHeld(3, "c2"),
      isHeld(4, null),
      { run: ["umount", `${leases}/10.9.0.3`] },
      collect,
      isHeld(3, null),
    ],
  },
];
