import type { Scenario, Step } from "../../scenario/scenario.ts";
import { add, link, madeLink, noBackup, refused, sysctl } from "./link.ts";

const plugin = "tuning";
const manual = 'tuning manual, "sysctl"';
const list = "/etc/cni/tuning/allowlist.conf";
const somaxconn = { sysctl: { "net.core.somaxconn": "500" } };
const allowed = (text: string): Step => ({ write: list, content: text });
const notAllowed = (key: string, value = "1"): Step[] =>
  refused({ sysctl: { [key]: value } }, `${key.replaceAll(".", "\\.")} is not allowed`);

/** Kernel parameters, and which of them the administrator allows. */
export const sysctls: Scenario[] = [
  {
    name: "sysctls are set in the container and nowhere else, CHECK compares them, DEL leaves them",
    plugin,
    source: manual,
    versions: "all",
    steps: [
      ...madeLink,
      add(somaxconn),
      sysctl("core/somaxconn", "500"),
      { look: ["cat", "/proc/sys/net/core/somaxconn"], shows: [{ $not: "500" }] },
      noBackup,
      { call: "CHECK", config: somaxconn },
      { call: "DEL", config: somaxconn },
      sysctl("core/somaxconn", "500"),
    ],
  },
  {
    name: "CHECK names a sysctl that somebody changed",
    plugin,
    source: "SPEC section 2, CHECK",
    versions: { from: "0.4.0" },
    steps: [
      ...madeLink,
      add(somaxconn),
      { run: ["sh", "-c", "echo 7 > /proc/sys/net/core/somaxconn"], in: "c1" },
      {
        call: "CHECK",
        config: somaxconn,
        expect: { error: { msg: { $match: "somaxconn is 500, current value is 7" } } },
      },
    ],
  },
  {
    name: "keys may be written with dots or slashes, and IFNAME stands for the interface",
    plugin,
    source: manual,
    steps: [
      ...madeLink,
      add({
        sysctl: {
          "net.ipv4.conf.IFNAME.arp_notify": "1",
          "net/ipv4/conf/IFNAME/arp_filter": "1",
          "net.ipv4.conf.eth0.arp_accept": "1",
          "net/ipv6/conf/eth0/accept_ra": "0",
          "net/ipv4.ip_forward": "1",
        },
      }),
      sysctl("ipv4/conf/eth0/arp_notify", "1"),
      sysctl("ipv4/conf/eth0/arp_filter", "1"),
      sysctl("ipv4/conf/eth0/arp_accept", "1"),
      sysctl("ipv6/conf/eth0/accept_ra", "0"),
      sysctl("ipv4/ip_forward", "1"),
    ],
  },
  {
    name: "IFNAME stands for an interface with a dot in its name",
    plugin,
    source: "containernetworking/plugins issue 779",
    steps: [
      ...madeLink,
      { run: ["ip", "link", "set", "eth0", "down"], in: "c1" },
      { run: ["ip", "link", "set", "eth0", "name", "eth0.7"], in: "c1" },
      add({ sysctl: { "net.ipv4.conf.IFNAME.arp_notify": "1" } }, { ifname: "eth0.7" }),
      sysctl("ipv4/conf/eth0.7/arp_notify", "1"),
    ],
  },
  {
    name: "a dot in a name is one where slashes separate, as in sysctl(8)",
    plugin,
    source: "sysctl(8); containernetworking/plugins issue 779",
    steps: [
      ...madeLink,
      { run: ["ip", "link", "set", "eth0", "down"], in: "c1" },
      { run: ["ip", "link", "set", "eth0", "name", "eth0.7"], in: "c1" },
      add({ sysctl: { "net/ipv4/conf/eth0.7/arp_notify": "1" } }, { ifname: "eth0.7" }),
      sysctl("ipv4/conf/eth0.7/arp_notify", "1"),
    ],
  },
  {
    name: "args.cni.sysctl adds to the configured ones and replaces them",
    plugin,
    source: `CONVENTIONS, "args"; ${manual}`,
    steps: [
      ...madeLink,
      add({
        ...somaxconn,
        args: { cni: { sysctl: { "net.core.somaxconn": "600", "net.ipv4.ip_forward": "1" } } },
      }),
      sysctl("core/somaxconn", "600"),
      sysctl("ipv4/ip_forward", "1"),
    ],
  },
  {
    name: "args.cni.sysctl needs no sysctl beside it",
    plugin,
    source: 'CONVENTIONS, "args"; the Go plugin panics',
    steps: [...madeLink, add({ args: { cni: somaxconn } }), sysctl("core/somaxconn", "500")],
  },
  {
    name: "CHECK compares numbers, not the white space between them",
    plugin,
    source: "SPEC section 2, CHECK; the kernel separates by tabs",
    steps: [
      ...madeLink,
      add({ sysctl: { "net.ipv4.ip_local_port_range": "2000 65000" } }),
      { call: "CHECK", config: { sysctl: { "net.ipv4.ip_local_port_range": "2000 65000" } } },
      sysctl("ipv4/ip_local_port_range", "2000\t65000"),
    ],
  },
  {
    name: "an empty value changes nothing",
    plugin,
    source: "reference, Go plugin: an empty write",
    steps: [...madeLink, add({ sysctl: { "net.ipv4.ip_forward": "" } }), sysctl("ipv4/ip_forward", "0")],
  },
  {
    name: "what does not belong to the container's network, or does not exist, is refused",
    plugin,
    source: manual,
    steps: [
      ...madeLink,
      ...refused({ sysctl: { "kernel.shmmax": "1" } }, "invalid net sysctl key"),
      ...refused({ sysctl: { "net/../kernel/shmmax": "1" } }, "sysctl|no such file"),
      ...refused({ sysctl: { "network.x": "1" } }, "invalid net sysctl key"),
      ...refused({ sysctl: { "": "1" } }, "invalid net sysctl key"),
      ...refused({ sysctl: { "net.ipv4.nope": "1" } }, "net/ipv4/nope"),
      ...refused({ sysctl: { "net.ipv4.conf": "1" } }, "net/ipv4/conf"),
      ...refused({ sysctl: { "net.ipv4.ip_forward": "maybe" } }, "ip_forward"),
      ...refused({ sysctl: { "net.core.rmem_max": "1" } }, "rmem_max"),
      ...refused({ sysctl: ["net.ipv4.ip_forward=1"] }, "sysctl"),
    ],
  },
  {
    name: "a key that is there twice is refused",
    plugin,
    source: "reference, Go plugin: duplicated sysctl keys are not allowed",
    steps: [
      ...madeLink,
      {
        call: "ADD",
        stdin:
          '{"cniVersion":"1.1.0","name":"net1","type":"tuning","prevResult":{},' +
          '"sysctl":{"net.ipv4.ip_forward":"1","net.ipv4.ip_forward":"1"}}',
        expect: { error: { msg: { $match: "duplicated sysctl keys" } } },
      },
      sysctl("ipv4/ip_forward", "0"),
    ],
  },
  {
    name: "a sysctl that is refused undoes those before it",
    plugin,
    source: "SPEC section 2, ADD: a failed ADD changes nothing",
    steps: [
      ...madeLink,
      ...refused({ sysctl: { "net.core.somaxconn": "500", "net.ipv4.ip_forward": "maybe" } }, "ip_forward"),
      { look: ["cat", "/proc/sys/net/core/somaxconn"], in: "c1", shows: [{ $not: "500" }] },
    ],
  },
  {
    name: "the allow-list: one regular expression a line, matched anywhere in the key as it is written",
    plugin,
    source: `${manual}, allowlist.conf`,
    steps: [
      ...madeLink,
      allowed("^net\\.core\\.\r\n\r\n  ^net\\.ipv4\\.conf\\.IFNAME\\.[[:alpha:]_]+$  \nip_forward\n"),
      add({
        sysctl: {
          "net.core.somaxconn": "500",
          "net.ipv4.conf.IFNAME.arp_notify": "1",
          "net/ipv4/ip_forward": "1",
        },
      }),
      sysctl("core/somaxconn", "500"),
      ...notAllowed("net/core/somaxconn"),
      ...notAllowed("net.ipv4.conf.eth0.arp_notify"),
      ...notAllowed("net.ipv4.tcp_syncookies"),
      ...refused(
        { args: { cni: { sysctl: { "net.ipv4.tcp_syncookies": "1" } } }, sysctl: {} },
        "tcp_syncookies is not allowed",
      ),
      sysctl("core/somaxconn", "500"),
    ],
  },
  {
    name: "an empty allow-list allows no sysctl, and everything else",
    plugin,
    source: `${manual}, allowlist.conf`,
    steps: [
      ...madeLink,
      allowed(""),
      ...notAllowed("net.core.somaxconn"),
      add({ mtu: 1400 }),
      link({ mtu: 1400 }),
    ],
  },
  {
    name: "even an allow-list of everything allows only net",
    plugin,
    source: `${manual}, allowlist.conf`,
    steps: [
      ...madeLink,
      allowed(".*\n"),
      ...refused({ sysctl: { "kernel.shmmax": "1" } }, "invalid net sysctl key"),
    ],
  },
  {
    name: "comments in the allow-list are no patterns",
    plugin,
    source: "plugins/tuning/README.md; # begins a comment in most files of /etc",
    steps: [
      ...madeLink,
      allowed("# not (a pattern\nip_forward\n"),
      add({ sysctl: { "net.ipv4.ip_forward": "1" } }),
      sysctl("ipv4/ip_forward", "1"),
      ...notAllowed("net.core.somaxconn"),
    ],
  },
  {
    name: "the allow-list counts for ADD: who is there is checked and removed also when it became narrower",
    plugin,
    source: "SPEC section 2, DEL: should complete without error",
    steps: [
      ...madeLink,
      add({ ...somaxconn, mtu: 1400 }),
      allowed(""),
      { call: "CHECK", config: { ...somaxconn, mtu: 1400 } },
      { call: "DEL", config: { ...somaxconn, mtu: 1400 } },
      link(),
      noBackup,
    ],
  },
  {
    name: "a mistake in the allow-list is an error of ADD",
    plugin,
    source: `${manual}, allowlist.conf`,
    steps: [...madeLink, allowed("net[\n"), ...refused(somaxconn, "missing closing \\]")],
  },
  {
    name: "STATUS tells whether ADD could work: allow-list and dataDir",
    plugin,
    source: "SPEC 1.1.0, section 2, STATUS: code 50",
    steps: [
      { call: "STATUS", config: somaxconn },
      { call: "STATUS", config: { mtu: 1400, dataDir: "/run/test/none/yet" } },
      { write: "/run/test/file", content: "" },
      { call: "STATUS", config: { mtu: 1400, dataDir: "/run/test/file" }, expect: { error: { code: 50 } } },
      allowed("net[\n"),
      {
        call: "STATUS",
        config: somaxconn,
        expect: { error: { code: 50, msg: { $match: "allowlist\\.conf" } } },
      },
      allowed("somaxconn\n"),
      { call: "STATUS", config: somaxconn },
      { unchanged: true },
    ],
  },
  {
    name: "GC changes no container, and keeps what is listed or another network's",
    plugin,
    source: "SPEC 1.1.0, section 2, GC: only resources of attachments that are not listed",
    steps: [
      ...madeLink,
      add({ mtu: 1400 }),
      { mark: true },
      {
        call: "GC",
        config: { "cni.dev/valid-attachments": [{ containerID: "c1", ifname: "eth0" }] },
      },
      { call: "GC", config: { name: "other", "cni.dev/valid-attachments": [] } },
      { call: "GC", config: {} },
      { unchanged: true },
      { call: "GC", config: { "cni.dev/valid-attachments": [] } },
      noBackup,
      link({ mtu: 1400 }),
    ],
  },
];
