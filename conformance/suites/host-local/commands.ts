import type { JsonObject } from "../../harness/host/json.ts";
import type { Pattern } from "../../scenario/match.ts";
import type { Scenario, Step } from "../../scenario/scenario.ts";
import { calls, full, ipam, lease, leases } from "./calls.ts";

const plugin = "host-local";
const one = ipam({ subnet: "10.1.0.0/24" });
const tiny = ipam({ subnet: "10.1.0.0/30" });
const dual = ipam({ ranges: [[{ subnet: "10.1.0.0/24" }], [{ subnet: "10.2.0.0/30" }]] });
const notAvailable = { error: { code: 50 } };
const listed = (...ids: string[]): JsonObject => ({
  "cni.dev/valid-attachments": ids.map((containerID) => ({ containerID, ifname: "eth0" })),
});

/** A configuration that is refused by ADD, whose message names what is wrong. */
function refused(keys: JsonObject, msg: Pattern): Step {
  const code = keys["resolvConf"] === undefined ? [6, 7, 999] : [5, 100, 999];
  return { call: "ADD", config: ipam(keys), what: JSON.stringify(keys), expect: { error: { code, msg } } };
}

/** What each command does, beside giving out addresses. */
export const commands: Scenario[] = [
  {
    name: "a second ADD of an attachment is refused, and the first keeps its addresses",
    plugin,
    source: "SPEC section 2, ADD: not twice without a DEL between",
    versions: "all",
    steps: [
      ...calls(one, ["+c1 10.1.0.2/24", "+c1 !10\\.1\\.0\\.2 has been allocated to c1", "?c1"]),
      lease("10.1.0.2", "c1"),
      lease("10.1.0.3", null),
      ...calls(one, ["-c1", "+c1 10.1.0.3/24"]),
    ],
  },
  {
    name: "an ADD that fails at the second set leases nothing of the first",
    plugin,
    source: "SPEC section 2, ADD: a failed ADD changes nothing",
    containers: ["a", "b"],
    steps: [
      ...calls(dual, ["+a 10.1.0.2/24 10.2.0.2/30", `+b ${full}: 10.2`, "?a"]),
      lease("10.1.0.3", null),
    ],
  },
  {
    name: "an ADD that fails at the second set frees no lease of the container from before",
    plugin,
    source: "SPEC section 2, ADD: a failed ADD changes nothing",
    steps: [
      ...calls(ipam({ subnet: "10.2.0.0/30" }), ["+c1 10.2.0.2/30"]),
      ...calls(dual, ["+c1 !has been allocated to c1"]),
      lease("10.2.0.2", "c1"),
      lease("10.1.0.2", null),
    ],
  },
  {
    name: "CHECK fails without a lease, and changes nothing",
    plugin,
    source: "SPEC section 2, CHECK",
    versions: { from: "0.4.0" },
    containers: ["a", "b"],
    steps: [
      ...calls(one, ["+a 10.1.0.2/24", "+b 10.1.0.3/24"]),
      { run: ["rm", `${leases}/10.1.0.2`] },
      { mark: true },
      ...calls(one, ["?a !Failed to find address added by container a", "?b"]),
      { call: "CHECK", container: "b", config: one, ifname: "eth1", expect: { error: {} } },
      { call: "CHECK", container: "b", config: one, id: "c", expect: { error: {} } },
      { unchanged: true },
    ],
  },
  {
    name: "CHECK notices that the address in use is leased to somebody else",
    plugin,
    source: "SPEC section 2, CHECK: resources of the result must be there",
    containers: ["a", "b"],
    steps: [
      ...calls(one, ["+a 10.1.0.2/24"]),
      { run: ["sh", "-c", `mv ${leases}/10.1.0.2 ${leases}/10.1.0.9`] },
      ...calls(one, ["?a !10\\.1\\.0\\.2"]),
    ],
  },
  {
    name: "CHECK and DEL of a network that was never used create nothing",
    plugin,
    source: "SPEC section 2, CHECK and DEL",
    steps: [
      ...calls(one, ["?c1 !.", "-c1"]),
      { run: ["test", "!", "-e", leases] },
      { call: "DEL", config: one, prevResult: "none" },
    ],
  },
  {
    name: "DEL needs neither the namespace, nor the result, nor the ranges of ADD",
    plugin,
    source: "SPEC section 2, DEL: should complete even if some resources are missing",
    versions: "all",
    containers: ["a", "b", "c"],
    steps: [
      ...calls(one, ["+a 10.1.0.2/24", "+b 10.1.0.3/24", "+c 10.1.0.4/24"]),
      { call: "DEL", container: "a", config: one, prevResult: "none", netns: "" },
      { call: "DEL", container: "b", config: ipam({ subnet: "10.7.0.0/24" }) },
      { run: ["ip", "netns", "delete", "c"] },
      { call: "DEL", container: "c", config: one, prevResult: "none", netns: null },
      { run: ["sh", "-c", `! ls ${leases}/10.* 2>/dev/null`] },
      ...calls(one, ["-a", "-b", "-c"]),
    ],
  },
  {
    name: "DEL frees the address also when the ranges have become invalid",
    plugin,
    source: "SPEC section 2, DEL: should complete without error",
    steps: [
      ...calls(one, ["+c1 10.1.0.2/24"]),
      ...calls(ipam({ subnet: "10.1.0.0/40" }), ["-c1"], { args: "IP=nonsense" }),
      lease("10.1.0.2", null),
    ],
  },
  {
    name: "DEL of a container that is not there frees nobody else's address",
    plugin,
    source: "SPEC section 2, DEL",
    containers: ["a", "b"],
    steps: [
      ...calls(one, ["+a 10.1.0.2/24"]),
      { mark: true },
      ...calls(one, ["-b"]),
      { call: "DEL", container: "b", config: one, id: "a", ifname: "eth1" },
      { call: "DEL", container: "b", config: { ...one, name: "net2" }, id: "a" },
      { unchanged: true, except: "furniture" },
      ...calls(one, ["?a"]),
    ],
  },
  {
    name: "what a read-only file system keeps is not said to be freed",
    plugin,
    source: "SPEC section 2, DEL; containernetworking/plugins, Store.Release swallows errors",
    steps: [
      ...calls(one, ["+c1 10.1.0.2/24"]),
      { run: ["mount", "--bind", "/var/lib/cni/networks", "/var/lib/cni/networks"] },
      { run: ["mount", "-o", "remount,bind,ro", "/var/lib/cni/networks"] },
      ...calls(one, ["-c1 !read-only file system"]),
      { call: "DEL", config: one, id: "unknown" },
      { run: ["umount", "/var/lib/cni/networks"] },
      ...calls(one, ["-c1"]),
      lease("10.1.0.2", null),
    ],
  },
  {
    name: "GC frees what is not listed, and nothing else",
    plugin,
    source: "SPEC 1.1.0, section 2, GC",
    containers: ["a", "b", "c"],
    leaves: { files: ["10\\.1\\.0\\.9", "/README "] },
    steps: [
      ...calls(one, ["+a 10.1.0.2/24", "+b 10.1.0.3/24", "+c 10.1.0.4/24"]),
      { write: `${leases}/10.1.0.7`, content: "lost\r\neth0" },
      { write: `${leases}/10.1.0.8`, content: "lost" },
      { write: `${leases}/10.1.0.9`, content: "b" },
      { write: `${leases}/README`, content: "keep me" },
      ...calls({ ...one, name: "net2" }, ["+a 10.1.0.2/24"], { ifname: "eth1" }),
      { call: "GC", config: { ...one, ...listed("b", "c") } },
      {
        look: ["ls", leases],
        shows: ["10.1.0.3", "10.1.0.4", "10.1.0.9", "README", "last_reserved_ip.0", "lock"],
      },
      { file: "/var/lib/cni/networks/net2/10.1.0.2", is: "a\r\neth1" },
      ...calls(one, ["?b", "?c", "?a !.", "-a"]),
    ],
  },
  {
    name: "GC looks at the interface too, and an empty list frees everything",
    plugin,
    source: "SPEC 1.1.0, section 2, GC: an attachment is container and interface",
    steps: [
      ...calls(one, ["+c1 10.1.0.2/24"], { ifname: "eth1" }),
      {
        call: "GC",
        config: { ...one, "cni.dev/valid-attachments": [{ containerID: "c1", ifname: "eth1" }] },
      },
      lease("10.1.0.2", "c1", "eth1"),
      { call: "GC", config: { ...one, ...listed("c1") } },
      lease("10.1.0.2", null),
      ...calls(one, ["+c1 10.1.0.3/24"]),
      { call: "GC", config: { ...one, ...listed() } },
      lease("10.1.0.3", null),
      { call: "GC", config: { ...one, ...listed() } },
    ],
  },
  {
    name: "GC without a list frees nothing, and GC of an unused network makes nothing",
    plugin,
    source: "SPEC 1.1.0, section 2, GC; libcni leaves the key out when it has no list",
    steps: [
      { call: "GC", config: { ...one, ...listed() } },
      { unchanged: true },
      ...calls(one, ["+c1 10.1.0.2/24"]),
      { call: "GC", config: one },
      lease("10.1.0.2", "c1"),
    ],
  },
  {
    name: "STATUS succeeds while there is room, whether or not the network was used, and makes nothing",
    plugin,
    source: "SPEC 1.1.0, section 2, STATUS",
    steps: [
      { call: "STATUS", config: one },
      { unchanged: true },
      ...calls(one, ["+c1 10.1.0.2/24"]),
      { mark: true },
      { call: "STATUS", config: one },
      { call: "STATUS", config: one },
      { unchanged: true },
    ],
  },
  {
    name: "STATUS fails with code 50 while a range set is full",
    plugin,
    source: "SPEC 1.1.0, section 2, STATUS: code 50",
    steps: [
      ...calls(tiny, ["+c1 10.1.0.2/30"]),
      {
        call: "STATUS",
        config: tiny,
        expect: { error: { code: 50, msg: { $match: "10\\.1\\.0\\.1-10\\.1\\.0\\.2" } } },
      },
      ...calls(tiny, ["-c1"]),
      { call: "STATUS", config: tiny },
      { write: `${leases}/10.1.0.2`, content: "other\r\neth0" },
      { call: "STATUS", config: tiny, expect: notAvailable },
      { run: ["rm", `${leases}/10.1.0.2`] },
      { call: "STATUS", config: tiny },
    ],
  },
  {
    name: "STATUS fails with code 50 where no lease can be kept",
    plugin,
    source: "SPEC 1.1.0, section 2, STATUS: code 50",
    steps: [
      { write: "/run/test/file", content: "" },
      {
        call: "STATUS",
        config: ipam({ subnet: "10.1.0.0/24", dataDir: "/run/test/file" }),
        expect: notAvailable,
      },
      { run: ["mkdir", "-p", "/run/test/ro"] },
      { run: ["mount", "-t", "tmpfs", "-o", "ro", "none", "/run/test/ro"] },
      {
        call: "STATUS",
        config: ipam({ subnet: "10.1.0.0/24", dataDir: "/run/test/ro" }),
        expect: notAvailable,
      },
      ...calls(ipam({ subnet: "10.1.0.0/24", dataDir: "/run/test/ro" }), ["+c1 !read-only file system"]),
      ...calls(ipam({ subnet: "10.1.0.0/24", dataDir: "/run/test/file" }), ["+c1 !/run/test/file"]),
    ],
  },
  {
    name: "STATUS says when ADD would refuse the configuration",
    plugin,
    source: "SPEC 1.1.0, section 2, STATUS: ready to service ADD requests",
    steps: [
      {
        call: "STATUS",
        config: ipam({ subnet: "10.1.0.5/24" }),
        expect: { error: { msg: { $match: "10\\.1\\.0" } } },
      },
      // What only the runtime knows, it does not tell STATUS.
      { call: "STATUS", config: ipam({}) },
    ],
  },
  {
    name: "a configuration with a mistake is refused, and nothing is made",
    plugin,
    source: "SPEC section 5, Error: code 7; host-local manual",
    steps: [
      {
        call: "ADD",
        config: {},
        expect: { error: { code: [7, { atLeast: 100 }], msg: { $match: "ipam" } } },
      },
      refused({}, { $match: "no IP ranges" }),
      refused({ ranges: [] }, { $match: "no IP ranges" }),
      refused({ ranges: [[]] }, { $match: "empty range set" }),
      refused({ ranges: [[{}]] }, { $match: "range set 0" }),
      refused({ ranges: [{ subnet: "10.1.0.0/24" }] }, { $match: "ranges" }),
      refused({ subnet: "10.1.0.0" }, { $match: "10\\.1\\.0\\.0" }),
      refused({ subnet: "10.1.0.0/33" }, { $match: "10\\.1\\.0\\.0/33" }),
      refused({ subnet: "10.1.0.5/24" }, { $match: "host bits" }),
      refused({ subnet: "fd00::/63", rangeStart: "10.1.0.1" }, { $match: "10\\.1\\.0\\.1" }),
      refused(
        { subnet: "10.1.0.0/24", rangeStart: "10.1.1.0" },
        { $match: "RangeStart 10\\.1\\.1\\.0 not in network" },
      ),
      refused(
        { subnet: "10.1.0.0/24", rangeEnd: "10.0.0.9" },
        { $match: "RangeEnd 10\\.0\\.0\\.9 not in network" },
      ),
      refused(
        { subnet: "10.1.0.0/24", rangeStart: "10.1.0.9", rangeEnd: "10.1.0.8" },
        { $match: "10\\.1\\.0\\.[98]" },
      ),
      refused({ subnet: "10.1.0.0/24", gateway: "10.1.0" }, { $match: "10\\.1\\.0" }),
      refused(
        { ranges: [[{ subnet: "10.1.0.0/24" }, { subnet: "fd00::/64" }]] },
        { $match: "mixed address families" },
      ),
      refused({ ranges: [[{ subnet: "10.1.0.0/24" }, { subnet: "10.1.0.128/25" }]] }, { $match: "overlap" }),
      refused({ subnet: "10.1.0.0/24", ranges: [[{ subnet: "10.1.0.0/16" }]] }, { $match: "overlap" }),
      refused({ subnet: "10.1.0.0/24", routes: [{ dst: "0.0.0.0" }] }, { $match: "0\\.0\\.0\\.0" }),
      refused({ subnet: "10.1.0.0/24", resolvConf: "/run/none" }, { $match: "/run/none" }),
      refused({ subnet: 5 }, { $match: "subnet" }),
      { unchanged: true },
    ],
  },
];
