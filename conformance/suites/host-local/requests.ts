import type { JsonObject } from "../../harness/host/json.ts";
import type { Scenario } from "../../scenario/scenario.ts";
import { calls, cursor, ipam, lease } from "./calls.ts";

const manual = "host-local manual, requesting a specific IP";
const plugin = "host-local";
const one = ipam({ subnet: "10.1.0.0/24" });
const dual = ipam({ ranges: [[{ subnet: "10.1.0.0/24" }], [{ subnet: "fd00:1::/64" }]] });
const byRuntime = (...ips: string[]): JsonObject => ({ runtimeConfig: { ips } });
const byArgs = (...ips: string[]): JsonObject => ({ args: { cni: { ips } } });

/** Addresses that somebody asks for by name. */
export const requests: Scenario[] = [
  {
    name: "CNI_ARGS can ask for an address",
    plugin,
    source: `CONVENTIONS, CNI_ARGS; ${manual}`,
    versions: "all",
    steps: [
      ...calls(one, ["+c1 10.1.0.77/24", "?c1"], { args: "IgnoreUnknown=1;K8S_POD_NAME=x;IP=10.1.0.77" }),
      lease("10.1.0.77", "c1"),
    ],
  },
  {
    name: "args.cni.ips can ask for addresses",
    plugin,
    source: `CONVENTIONS, "args": ips; ${manual}`,
    versions: "all",
    steps: [
      ...calls({ ...dual, ...byArgs("fd00:1::77", "10.1.0.77") }, ["+c1 10.1.0.77/24 fd00:1::77/64", "?c1"]),
      cursor(0, "10.1.0.77"),
      cursor(1, "fd00:1::77"),
    ],
  },
  {
    name: "the runtime can ask for addresses by the capability ips",
    plugin,
    source: `CONVENTIONS, ips; ${manual}`,
    versions: "all",
    steps: calls({ ...dual, ...byRuntime("10.1.0.77/8", "FD00:1:0::0077/64") }, [
      "+c1 10.1.0.77/24 fd00:1::77/64",
      "?c1",
    ]),
  },
  {
    name: "requests of all three kinds add up, and each range set serves its own",
    plugin,
    source: manual,
    steps: calls(
      {
        ...ipam({
          ranges: [[{ subnet: "10.1.0.0/24" }], [{ subnet: "10.2.0.0/24" }], [{ subnet: "fd00::/64" }]],
        }),
        ...byRuntime("10.1.0.7"),
        ...byArgs("fd00::9"),
      },
      ["+c1 10.1.0.7/24 10.2.0.8/24 fd00::9/64"],
      { args: "IP=10.2.0.8/24" },
    ),
  },
  {
    name: "a set that nobody asks serves the next address",
    plugin,
    source: manual,
    containers: ["a", "b"],
    steps: [
      ...calls({ ...dual, ...byRuntime("fd00:1::77") }, ["+a 10.1.0.2/24 fd00:1::77/64"]),
      ...calls(dual, ["+b 10.1.0.3/24 fd00:1::78/64"]),
    ],
  },
  {
    name: "an address of any range of a set can be asked for",
    plugin,
    source: "reference, Go plugin's host_local_test",
    steps: calls(
      {
        ...ipam({ ranges: [[{ subnet: "10.1.0.0/24" }, { subnet: "10.2.0.0/24" }]] }),
        ...byRuntime("10.2.0.5"),
      },
      ["+c1 10.2.0.5/24"],
    ),
  },
  {
    name: "the next automatic address comes behind one that was asked for",
    plugin,
    source: "reference, Go plugin: requests move last_reserved_ip",
    containers: ["a", "b"],
    steps: [
      ...calls({ ...one, ...byArgs("10.1.0.77") }, ["+a 10.1.0.77/24"]),
      ...calls(one, ["+b 10.1.0.78/24"]),
    ],
  },
  {
    name: "a taken address is refused, and its holder keeps it",
    plugin,
    source: manual,
    containers: ["a", "b"],
    steps: [
      ...calls({ ...one, ...byArgs("10.1.0.77") }, [
        "+a 10.1.0.77/24",
        "+b !10\\.1\\.0\\.77 is not available",
      ]),
      lease("10.1.0.77", "a"),
      ...calls({ ...one, ...byArgs("10.1.0.77") }, ["?a", "-b"]),
      lease("10.1.0.77", "a"),
      ...calls({ ...one, ...byArgs("10.1.0.77") }, ["-a", "+b 10.1.0.77/24"]),
    ],
  },
  {
    name: "the gateway, and what no range has, are refused, and nothing is leased",
    plugin,
    source: manual,
    steps: [
      ...calls({ ...one, ...byArgs("10.1.0.1") }, ["+c1 !10\\.1\\.0\\.1 is subnet's gateway"]),
      ...calls({ ...one, ...byArgs("10.1.0.255") }, ["+c1 !requested IPs: 10\\.1\\.0\\.255"]),
      ...calls({ ...one, ...byArgs("10.9.0.1") }, ["+c1 !requested IPs: 10\\.9\\.0\\.1"]),
      ...calls({ ...one, ...byRuntime("fd00::1") }, ["+c1 !requested IPs: fd00::1"]),
      ...calls({ ...one, ...byRuntime("10.1.0.5", "10.9.0.1") }, ["+c1 !requested IPs: 10\\.9\\.0\\.1"]),
      ...calls({ ...dual, ...byRuntime("10.1.0.5", "10.1.0.6") }, ["+c1 !requested IPs: 10\\.1\\.0\\.[56]"]),
      { run: ["sh", "-c", "! ls /var/lib/cni/networks/net1 | grep -E '^(10|fd00)'"] },
    ],
  },
  {
    name: "a request that cannot be met takes nothing from a container that runs",
    plugin,
    source: "SPEC section 2, ADD: a failed ADD changes nothing",
    steps: [
      ...calls(one, ["+c1 10.1.0.2/24"]),
      ...calls({ ...one, ...byRuntime("10.1.0.5", "10.1.0.6") }, ["+c1 !."]),
      lease("10.1.0.2", "c1"),
      lease("10.1.0.5", null),
      lease("10.1.0.6", null),
    ],
  },
  {
    name: "CNI_ARGS that say nonsense are refused",
    plugin,
    source: `CONVENTIONS, CNI_ARGS: IgnoreUnknown; ${manual}`,
    steps: [
      ...[
        "IP=10.1.0",
        "IP=10.1.0.5,10.1.0.6",
        "K8S_POD_NAME=x",
        "IP",
        "IP=1=2",
        "IgnoreUnknown=maybe",
      ].flatMap((args) => calls(one, ["+c1 !ARGS"], { args })),
      { unchanged: true },
    ],
  },
  {
    name: "empty requests are none",
    plugin,
    source: manual,
    steps: calls({ ...one, ...byRuntime(), ...byArgs() }, ["+c1 10.1.0.2/24"], { args: "IP=" }),
  },
];
