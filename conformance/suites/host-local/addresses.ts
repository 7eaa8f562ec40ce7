import type { Scenario } from "../../scenario/scenario.ts";
import { calls, cursor, full, ipam, lease } from "./calls.ts";

const manual = "host-local manual (cni.dev/plugins/current/ipam/host-local)";
const plugin = "host-local";
const small = ipam({ subnet: "10.1.0.0/29" });
const dual = ipam({ ranges: [[{ subnet: "10.1.0.0/29" }], [{ subnet: "fd00:1::/64" }]] });
const crowd = [..."abcdefgh"];

/** Which addresses host-local gives out, and in which order. */
export const addresses: Scenario[] = [
  {
    name: "gives out the first address behind the gateway's, CHECK finds it, DEL frees it",
    plugin,
    source: `SPEC section 2, ADD, CHECK, DEL; ${manual}`,
    versions: "all",
    steps: [
      {
        call: "ADD",
        config: ipam({ subnet: "10.1.0.0/24" }),
        expect: {
          result: {
            ips: [{ address: "10.1.0.2/24", gateway: "10.1.0.1" }],
            interfaces: { $absent: true },
            routes: { $absent: true },
          },
        },
      },
      lease("10.1.0.2", "c1"),
      cursor(0, "10.1.0.2"),
      { call: "CHECK", config: ipam({ subnet: "10.1.0.0/24" }) },
      { call: "DEL", config: ipam({ subnet: "10.1.0.0/24" }) },
      lease("10.1.0.2", null),
    ],
  },
  {
    name: "gives out IPv6 addresses by themselves",
    plugin,
    source: manual,
    versions: "all",
    steps: [
      {
        call: "ADD",
        config: ipam({ subnet: "fd00:1::/64" }),
        expect: { result: { ips: [{ address: "fd00:1::2/64", gateway: "fd00:1::1" }] } },
      },
      lease("fd00:1::2", "c1"),
      { call: "CHECK", config: ipam({ subnet: "fd00:1::/64" }) },
    ],
  },
  {
    name: "gives an address of each family",
    plugin,
    source: `SPEC section 5, Success; ${manual}, "ranges"`,
    versions: "all",
    containers: ["a", "b"],
    steps: [
      {
        call: "ADD",
        config: dual,
        expect: {
          result: {
            ips: [
              { address: "10.1.0.2/29", gateway: "10.1.0.1" },
              { address: "fd00:1::2/64", gateway: "fd00:1::1" },
            ],
          },
        },
      },
      lease("10.1.0.2", "a"),
      lease("fd00:1::2", "a"),
      cursor(0, "10.1.0.2"),
      cursor(1, "fd00:1::2"),
      ...calls(dual, ["+b 10.1.0.3/29 fd00:1::3/64", "?a", "-a", "?b"]),
      lease("10.1.0.2", null),
      lease("fd00:1::2", null),
      lease("fd00:1::3", "b"),
    ],
  },
  {
    name: "goes round: a released address rests until all others were given out",
    plugin,
    source: `${manual}, "last_reserved_ip"; reference, Go plugin's allocator`,
    containers: crowd,
    steps: [
      ...calls(small, ["+a 10.1.0.2/29", "+b 10.1.0.3/29", "-a", "+c 10.1.0.4/29", "+d 10.1.0.5/29"]),
      ...calls(small, ["+e 10.1.0.6/29", "+f 10.1.0.2/29"]),
      cursor(0, "10.1.0.2"),
      ...calls(small, ["-c", "-f", "+g 10.1.0.4/29"]),
    ],
  },
  {
    name: "a full range is an error that names it; one DEL, and there is room",
    plugin,
    source: `SPEC section 5, Error; ${manual}`,
    containers: crowd,
    steps: [
      ...calls(small, ["+a 10.1.0.2/29", "+b 10.1.0.3/29", "+c 10.1.0.4/29", "+d 10.1.0.5/29"]),
      ...calls(small, ["+e 10.1.0.6/29", `+f ${full}: 10\\.1\\.0\\.1-10\\.1\\.0\\.6`]),
      lease("10.1.0.7", null),
      lease("10.1.0.1", null),
      lease("10.1.0.0", null),
      ...calls(small, ["-b", "+f 10.1.0.3/29", "?a", "?f", `+g ${full}`]),
    ],
  },
  {
    name: "IPv6 ranges go to the subnet's last address",
    plugin,
    source: "RFC 4291: IPv6 has no broadcast address",
    containers: crowd,
    steps: calls(ipam({ subnet: "fd00::/125" }), [
      ...["+a fd00::2/125", "+b fd00::3/125", "+c fd00::4/125", "+d fd00::5/125"],
      ...["+e fd00::6/125", "+f fd00::7/125", `+g ${full}`],
    ]),
  },
  {
    name: "rangeStart and rangeEnd bound the range, both included, and the gateway is left out",
    plugin,
    source: `${manual}, "rangeStart", "rangeEnd", "gateway"`,
    containers: crowd,
    steps: [
      ...calls(
        ipam({ subnet: "10.1.0.0/24", rangeStart: "10.1.0.10", rangeEnd: "10.1.0.12", gateway: "10.1.0.11" }),
        ["+a 10.1.0.10/24", "+b 10.1.0.12/24", `+c ${full}`],
      ),
      {
        call: "ADD",
        container: "d",
        config: ipam({ subnet: "10.2.0.0/24", rangeStart: "10.2.0.200", gateway: "10.2.0.254" }),
        expect: { result: { ips: [{ address: "10.2.0.200/24", gateway: "10.2.0.254" }] } },
      },
    ],
  },
  {
    name: "a range bounded so may hold the subnet's first and last address",
    plugin,
    source: "reference, Go plugin: explicit bounds are taken as they are",
    containers: ["a", "b", "c"],
    steps: [
      ...calls(ipam({ subnet: "10.1.0.0/29", rangeStart: "10.1.0.0", gateway: "10.1.0.6" }), [
        "+a 10.1.0.0/29",
        "+b 10.1.0.1/29",
      ]),
      ...calls(ipam({ subnet: "10.2.0.0/29", rangeStart: "10.2.0.6", rangeEnd: "10.2.0.7" }), [
        "+c 10.2.0.6/29",
      ]),
    ],
  },
  {
    name: "a gateway outside the range leaves every address of it to containers",
    plugin,
    source: `${manual}, "gateway"`,
    containers: ["a", "b"],
    steps: [
      {
        call: "ADD",
        config: ipam({ subnet: "10.1.0.0/30", gateway: "10.9.0.1" }),
        expect: { result: { ips: [{ address: "10.1.0.1/30", gateway: "10.9.0.1" }] } },
      },
      ...calls(ipam({ subnet: "10.1.0.0/30", gateway: "10.9.0.1" }), ["+b 10.1.0.2/30"]),
    ],
  },
  {
    name: "the ranges of a set are used one after the other, each with its own gateway and prefix",
    plugin,
    source: `${manual}, "ranges"`,
    versions: ["0.2.0", "1.1.0"],
    containers: crowd,
    steps: [
      ...calls(ipam({ ranges: [[{ subnet: "10.1.0.0/30" }, { subnet: "10.2.0.0/29" }]] }), [
        "+a 10.1.0.2/30",
      ]),
      {
        call: "ADD",
        container: "b",
        config: ipam({ ranges: [[{ subnet: "10.1.0.0/30" }, { subnet: "10.2.0.0/29" }]] }),
        expect: { result: { ips: [{ address: "10.2.0.2/29", gateway: "10.2.0.1" }] } },
      },
      ...calls(ipam({ ranges: [[{ subnet: "10.1.0.0/30" }, { subnet: "10.2.0.0/29" }]] }), [
        ...["+c 10.2.0.3/29", "-a", "+d 10.2.0.4/29", "+e 10.2.0.5/29", "+f 10.2.0.6/29"],
        ...["+a 10.1.0.2/30", `+g ${full}: 10.1.0.1-10.1.0.2,10.2.0.1-10.2.0.6`],
      ]),
    ],
  },
  {
    name: "one subnet can be cut into ranges of several sets",
    plugin,
    source: `${manual}, "ranges": they must not overlap`,
    versions: { from: "0.3.0" },
    steps: [
      ...calls(
        ipam({
          ranges: [
            [{ subnet: "10.1.0.0/24", rangeStart: "10.1.0.10", rangeEnd: "10.1.0.19" }],
            [{ subnet: "10.1.0.0/24", rangeStart: "10.1.0.20", rangeEnd: "10.1.0.29" }],
          ],
        }),
        ["+c1 10.1.0.10/24 10.1.0.20/24", "?c1"],
      ),
      cursor(1, "10.1.0.20"),
    ],
  },
  {
    name: "before 0.3.0 two sets of a family are refused, since a result has one address of each",
    plugin,
    source: "SPEC 0.2.0, Result: ip4 and ip6",
    versions: { to: "0.2.0" },
    steps: [
      ...calls(ipam({ ranges: [[{ subnet: "10.1.0.0/24" }], [{ subnet: "10.2.0.0/24" }]] }), [
        "+c1 !more than 1 address per family",
      ]),
      { unchanged: true },
    ],
  },
  {
    name: "ranges of the runtime come first, then the old-style subnet, then ranges",
    plugin,
    source: `CONVENTIONS, ipRanges; ${manual}`,
    versions: { from: "0.3.0" },
    steps: [
      ...calls(
        {
          ...ipam({ subnet: "10.1.0.0/24", ranges: [[{ subnet: "fd00:1::/64" }]] }),
          runtimeConfig: { ipRanges: [[{ subnet: "10.2.0.0/24" }], [{ subnet: "fd00:2::/64" }]] },
        },
        ["+c1 10.2.0.2/24 fd00:2::2/64 10.1.0.2/24 fd00:1::2/64", "?c1"],
      ),
      cursor(2, "10.1.0.2"),
    ],
  },
  {
    name: "ranges of the runtime suffice",
    plugin,
    source: "CONVENTIONS, ipRanges (the pod CIDR of a Kubernetes node)",
    versions: "all",
    steps: calls(
      { ...ipam({}), runtimeConfig: { ipRanges: [[{ subnet: "10.2.0.0/24", gateway: "10.2.0.254" }]] } },
      ["+c1 10.2.0.1/24", "?c1"],
    ),
  },
  {
    name: "the search goes on behind last_reserved_ip",
    plugin,
    source: `${manual}, "last_reserved_ip"`,
    containers: ["a", "b", "c"],
    steps: [
      { write: "/var/lib/cni/networks/net1/last_reserved_ip.0", content: "10.1.0.5" },
      ...calls(small, ["+a 10.1.0.6/29", "+b 10.1.0.2/29"]),
      { write: "/var/lib/cni/networks/net1/last_reserved_ip.0", content: "10.1.0.5" },
      ...calls(small, ["+c 10.1.0.3/29"]),
    ],
  },
  {
    name: "a last_reserved_ip that is of no use is no obstacle",
    plugin,
    source: "reference, Go plugin: other families, other subnets and damaged files count as none",
    containers: ["a", "b", "c", "d", "e"],
    steps: ["fd00::1", "10.9.0.1", "nonsense", ""].flatMap((content, index) => [
      { write: "/var/lib/cni/networks/net1/last_reserved_ip.0", content },
      ...calls(small, [`+${crowd[index]} 10.1.0.${index + 2}/29`]),
    ]),
  },
  {
    name: "when only the address given out last is free, it is given out again",
    plugin,
    source: "reference, Go plugin's allocator_test",
    containers: crowd,
    steps: calls(ipam({ subnet: "10.1.0.0/30" }), ["+a 10.1.0.2/30", "-a", "+b 10.1.0.2/30", `+a ${full}`]),
  },
  {
    name: "a subnet of two addresses gives out both, one of a single address that one",
    plugin,
    source: "RFC 3021; RFC 6164; containernetworking/plugins#908",
    containers: ["a", "b", "c", "d", "e"],
    steps: [
      ...calls(ipam({ subnet: "10.1.0.0/31" }), ["+a 10.1.0.0/31", "+b 10.1.0.1/31"]),
      ...calls(ipam({ subnet: "10.2.0.7/32" }), ["+c 10.2.0.7/32", `+d ${full}`]),
      ...calls(ipam({ subnet: "fd00::2/127" }), ["+e fd00::2/127"]),
    ],
  },
  {
    name: "a range whose only address is the gateway is full",
    plugin,
    source: `${manual}, "gateway"`,
    steps: calls(ipam({ subnet: "10.1.0.0/24", rangeStart: "10.1.0.1", rangeEnd: "10.1.0.1" }), [
      `+c1 ${full}`,
    ]),
  },
  {
    name: "a range that starts at broadcast does not leave its subnet",
    plugin,
    source: `${manual}, "rangeStart" must be in the subnet`,
    containers: ["a", "b"],
    steps: calls(ipam({ subnet: "10.1.0.0/24", rangeStart: "10.1.0.255" }), [
      "+a 10.1.0.255/24",
      `+b ${full}`,
    ]),
  },
  {
    name: "spelling does not matter: capitals of keys, zeros of IPv6",
    plugin,
    source: "encoding/json of the Go plugins; RFC 5952 for what comes out",
    steps: [
      {
        call: "ADD",
        config: {
          IPAM: { type: "host-local", Subnet: "FD00:0:0:1:0:0:0:0/64", GATEWAY: "fd00:0:0:1::00ff" },
        },
        expect: { result: { ips: [{ address: "fd00:0:0:1::1/64", gateway: "fd00:0:0:1::ff" }] } },
      },
      lease("fd00:0:0:1::1", "c1"),
    ],
  },
];
