import type { Scenario, Step } from "../../scenario/scenario.ts";
import { calls, full, ipam, lease, leaseOf, leases } from "./calls.ts";

const plugin = "host-local";
const manual = "host-local manual, files";
const upgrade = "reference, Go plugin's store: an upgrade keeps leases";
const one = ipam({ subnet: "10.1.0.0/24" });
const write = (address: string, content: string): Step => ({ write: `${leases}/${address}`, content });

/** The files of host-local: a format that people and other plugins read and write. */
export const leaseFiles: Scenario[] = [
  {
    name: "a lease is a file named for the address: container, CR, LF, interface, for root only",
    plugin,
    source: manual,
    steps: [
      { call: "ADD", config: one, ifname: "net-1.5" },
      {
        look: ["od", "-An", "-c", `${leases}/10.1.0.2`],
        shows: ["   c   1  \\r  \\n   n   e   t   -   1   .   5"],
      },
      {
        look: ["od", "-An", "-c", `${leases}/last_reserved_ip.0`],
        shows: ["   1   0   .   1   .   0   .   2"],
      },
      { look: ["stat", "-c", "%a %U", `${leases}/10.1.0.2`], shows: ["600 root"] },
      { look: ["ls", leases], shows: ["10.1.0.2", "last_reserved_ip.0", "lock"] },
      { call: "DEL", config: one, ifname: "net-1.5" },
      { look: ["ls", leases], shows: ["last_reserved_ip.0", "lock"] },
    ],
  },
  {
    name: "dataDir is where the leases are, and nothing is elsewhere",
    plugin,
    source: manual,
    steps: [
      ...calls(ipam({ subnet: "10.1.0.0/24", dataDir: "/run/test/a/b" }), ["+c1 10.1.0.2/24", "?c1"]),
      { file: "/run/test/a/b/net1/10.1.0.2", is: leaseOf("c1") },
      { unchanged: true },
      ...calls(one, ["?c1 !."]),
      ...calls(ipam({ subnet: "10.1.0.0/24", dataDir: "/run/test/a/b" }), ["-c1"]),
      { file: "/run/test/a/b/net1/10.1.0.2", is: null },
    ],
  },
  {
    name: "leases written by another plugin count: their addresses are held, CHECK and DEL find them",
    plugin,
    source: upgrade,
    containers: ["a", "b", "old", "other"],
    steps: [
      write("10.1.0.2", leaseOf("old")),
      write("10.1.0.3", leaseOf("other")),
      write("10.1.0.5", `  old\r\neth1\n`),
      ...calls(one, ["+a 10.1.0.4/24", "+b 10.1.0.6/24", "?old"]),
      ...calls(one, ["?old"], { ifname: "eth1" }),
      ...calls(one, ["+old !10\\.1\\.0\\.2 has been allocated to old"]),
      ...calls(one, ["-old"]),
      lease("10.1.0.2", null),
      lease("10.1.0.3", "other"),
      ...calls(one, ["-old"], { ifname: "eth1" }),
      { file: `${leases}/10.1.0.5`, is: null },
      ...calls(one, ["-other"]),
      lease("10.1.0.3", null),
    ],
  },
  {
    name: "leases of very old releases, without interface, count as well",
    plugin,
    source: `${upgrade}; containernetworking/plugins, releases before 0.7`,
    containers: ["old", "a"],
    steps: [
      write("10.1.0.2", "old"),
      write("fd00:1::2", "old\n"),
      ...calls(ipam({ ranges: [[{ subnet: "10.1.0.0/24" }], [{ subnet: "fd00:1::/64" }]] }), [
        "?old",
        "+old !has been allocated to old",
        "+a 10.1.0.3/24 fd00:1::3/64",
        "-old",
      ]),
      lease("10.1.0.2", null),
      lease("fd00:1::2", null),
      lease("10.1.0.3", "a"),
    ],
  },
  {
    name: "a lease without interface stays while the container has one with it",
    plugin,
    source: "SPEC section 2, DEL: of this attachment only",
    containers: ["c1"],
    leaves: { files: ["10\\.9\\.0\\.9 "] },
    steps: [
      write("10.9.0.9", "c1"),
      ...calls(ipam({ ranges: [[{ subnet: "10.1.0.0/24" }], [{ subnet: "fd00:1::/64" }]] }), ["+c1", "-c1"]),
      { file: `${leases}/10.9.0.9`, is: "c1" },
    ],
  },
  {
    name: "the interfaces of a container have leases of their own",
    plugin,
    source: "SPEC section 3: an attachment is network, container and interface",
    steps: [
      { call: "ADD", config: one, ifname: "eth0", expect: { result: { ips: [{ address: "10.1.0.2/24" }] } } },
      lease("10.1.0.2", "c1", "eth0"),
      { call: "ADD", config: one, ifname: "eth1", expect: { result: { ips: [{ address: "10.1.0.3/24" }] } } },
      lease("10.1.0.3", "c1", "eth1"),
      { call: "DEL", config: one, ifname: "eth0" },
      lease("10.1.0.2", null),
      lease("10.1.0.3", "c1", "eth1"),
      { call: "CHECK", config: one, ifname: "eth1" },
      { call: "CHECK", config: one, ifname: "eth0", expect: { error: {} } },
    ],
  },
  {
    name: "networks have leases of their own",
    plugin,
    source: "SPEC section 1, name: unique across all networks of a host",
    steps: [
      ...calls({ ...one, name: "net1" }, ["+c1 10.1.0.2/24"]),
      ...calls({ ...one, name: "net2" }, ["+c1 10.1.0.2/24"], { ifname: "eth1" }),
      ...calls({ ...one, name: "net1" }, ["-c1"]),
      lease("10.1.0.2", null),
      { file: "/var/lib/cni/networks/net2/10.1.0.2", is: leaseOf("c1", "eth1") },
    ],
  },
  {
    name: "every valid name of a network is one of a directory",
    plugin,
    source: "SPEC section 1, name: a letter or digit, then letters, digits, _ . -",
    steps: [
      "0",
      "A.b-C_d",
      "a..b",
      "x.tmp",
      "lock",
      "10.1.0.2",
      "constructor",
      `n${"x".repeat(199)}`,
    ].flatMap((name): Step[] => [
      ...calls({ ...one, name }, ["+c1 10.1.0.2/24", "?c1"]),
      { file: `/var/lib/cni/networks/${name}/10.1.0.2`, is: leaseOf("c1") },
      ...calls({ ...one, name }, ["-c1"]),
      { file: `/var/lib/cni/networks/${name}/10.1.0.2`, is: null },
    ]),
  },
  {
    name: "every valid container ID is one of a lease",
    plugin,
    source: "SPEC section 2, CNI_CONTAINERID",
    steps: ["0", "A.b-C_d", "lock", "constructor", `i${"x".repeat(199)}`].flatMap((id): Step[] => [
      { call: "ADD", id, config: one },
      { call: "CHECK", id, config: one },
      { run: ["sh", "-c", `grep -l '^${id}' ${leases}/10.*`] },
      { call: "DEL", id, config: one },
      { run: ["sh", "-c", `! ls ${leases}/10.* 2>/dev/null`] },
    ]),
  },
  {
    name: "a container whose ID is an address does not take last_reserved_ip for its lease",
    plugin,
    source: "reference, Go plugin: a file with this content counts as a lease",
    containers: ["a", "10.1.0.2"],
    steps: [
      ...calls(one, ["+a 10.1.0.2/24", "?10.1.0.2 !.", "-10.1.0.2"]),
      { file: `${leases}/last_reserved_ip.0`, is: "10.1.0.2" },
    ],
  },
  {
    name: "files that are no leases are left alone",
    plugin,
    source: manual,
    leaves: { files: ["README", "\\.10\\.1\\.0\\.2", "/10\\.1\\.0\\.3 "] },
    steps: [
      write("README", "keep me"),
      write(".10.1.0.2", "keep me"),
      write("10.1.0.3", "reserved for the printer"),
      { mark: true },
      ...calls(one, ["+c1 10.1.0.2/24", "-c1"]),
      { unchanged: true, except: "furniture" },
      ...calls(one, ["+c1 10.1.0.4/24", "-c1"]),
    ],
  },
  {
    name: "an empty lease file, as a crash leaves it, does not cost its address for ever",
    plugin,
    source: "containernetworking/plugins issue 498",
    containers: ["a", "b"],
    steps: [
      write("10.1.0.2", ""),
      ...calls(ipam({ subnet: "10.1.0.0/30" }), ["+a 10.1.0.2/30", `+b ${full}`]),
      lease("10.1.0.2", "a"),
    ],
  },
  {
    name: "waits for others who hold the lock of the directory",
    plugin,
    source: "reference, Go plugin's store: flock(2) on `lock`",
    steps: [
      ...calls(one, ["+c1 10.1.0.2/24", "-c1"]),
      ...["ADD", "DEL"].flatMap((command): Step[] => [
        {
          run: [
            "sh",
            "-c",
            `rm -f /run/test/held /run/test/released
            flock -x ${leases}/lock sh -c 'touch /run/test/held; sleep 0.5; touch /run/test/released' >/dev/null 2>&1 &
            until test -e /run/test/held; do sleep 0.01; done`,
          ],
        },
        { call: command === "ADD" ? "ADD" : "DEL", config: one },
        { file: "/run/test/released", is: "" },
      ]),
    ],
  },
  {
    name: "a directory that is a symbolic link is followed",
    plugin,
    source: manual,
    leaves: { files: ["net1 -> "] },
    steps: [
      {
        run: [
          "sh",
          "-c",
          "mkdir -p /run/test/elsewhere /var/lib/cni/networks; ln -s /run/test/elsewhere /var/lib/cni/networks/net1",
        ],
      },
      ...calls(one, ["+c1 10.1.0.2/24", "?c1", "-c1"]),
      { file: "/run/test/elsewhere/10.1.0.2", is: null },
    ],
  },
];
