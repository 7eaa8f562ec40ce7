import type { JsonObject } from "../../harness/host/json.ts";
import type { Scenario, Step, Suite } from "../../scenario/scenario.ts";
import {
  addressOf,
  attach,
  bridgeNetfilter,
  type Container,
  families,
  isStopped,
  on,
  outsideAddress,
  passes,
} from "./settings.ts";

const common = {
  plugin: "firewall",
  outside: true,
  containers: ["c1", "c2", "c3"],
  leaves: { conntrack: ["."] },
} as const;

const all = ["c1", "c2", "c3"] as const;
const toWebServer = ["-d", outsideAddress.ipv4, "-p", "tcp", "--dport", "80"];
const iptables = { backend: "iptables" };

function inBoth(...rule: string[]): Step[] {
  return ["iptables", "ip6tables"].map((tool) => ({ run: [tool, ...rule] }));
}

/** What containers may do whatever the policy; and the world, where FORWARD lets it. */
function openToTheWorld(container: Container): Step[] {
  return families.flatMap((family) => [
    passes(container, outsideAddress[family], "outside"),
    passes("outside", addressOf[container][family], container),
    passes("host", addressOf[container][family], container),
  ]);
}

function areSeparate(one: Container, other: Container): Step[] {
  return families.map((family) => isStopped(one, addressOf[other][family]));
}

function areJoined(one: Container, other: Container): Step[] {
  return families.map((family) => passes(one, addressOf[other][family], other));
}

function policies(backend: "iptables" | "nftables"): Scenario[] {
  const config = (ingressPolicy: string): JsonObject => ({ backend, ingressPolicy });
  const needs = [backend] as const;
  // The nftables backend looks at the ports of the bridge itself.
  const neighbours = backend === "iptables" ? bridgeNetfilter(1) : bridgeNetfilter(0);
  return [
    {
      ...common,
      name: `${backend}: open keeps nobody apart`,
      source: "CNI plugins, firewall, ingressPolicy",
      needs,
      steps: [
        ...attach(...all),
        ...all.map((container) => on("ADD", container, config("open"))),
        ...areJoined("c1", "c2"),
        ...areJoined("c1", "c3"),
        ...openToTheWorld("c1"),
        on("CHECK", "c1", config("open")),
      ],
    },
    {
      ...common,
      name: `${backend}: same-bridge keeps bridges apart until the last container leaves`,
      source: "CNI plugins, firewall, ingressPolicy; CNI plugins pull requests 584 and 1140",
      needs,
      steps: [
        ...attach(...all),
        ...all.map((container) => on("ADD", container, config("same-bridge"))),
        ...areJoined("c1", "c2"),
        ...areSeparate("c1", "c3"),
        ...areSeparate("c3", "c1"),
        ...openToTheWorld("c1"),
        on("CHECK", "c1", config("same-bridge")),
        on("DEL", "c1", config("same-bridge")),
        ...areSeparate("c3", "c2"),
        on("DEL", "c2", config("same-bridge")),
        on("DEL", "c3", config("same-bridge")),
        ...areJoined("c1", "c3"),
      ],
    },
    {
      ...common,
      name: `${backend}: isolated keeps neighbours apart too, until they leave`,
      source: "CNI plugins, firewall, ingressPolicy; CNI plugins pull requests 584 and 1140",
      needs: backend === "iptables" ? [backend, "bridge netfilter"] : needs,
      steps: [
        ...neighbours,
        ...attach(...all),
        ...areJoined("c1", "c2"),
        ...all.map((container) => on("ADD", container, config("isolated"))),
        ...areSeparate("c1", "c2"),
        ...areSeparate("c2", "c3"),
        ...openToTheWorld("c1"),
        on("CHECK", "c2", config("isolated")),
        ...all.map((container) => on("DEL", container, config("isolated"))),
        ...areJoined("c1", "c2"),
        ...areJoined("c1", "c3"),
      ],
    },
    {
      ...common,
      name: `${backend}: a bridge has the policy that was asked for last`,
      source: "CNI plugins, firewall, ingressPolicy",
      needs: backend === "iptables" ? [backend, "bridge netfilter"] : needs,
      containers: ["c1", "c2"],
      steps: [
        ...neighbours,
        ...attach("c1", "c2"),
        on("ADD", "c1", config("isolated")),
        on("DEL", "c1", config("isolated")),
        ...(["c1", "c2"] as const).map((container) => on("ADD", container, config("same-bridge"))),
        ...areJoined("c1", "c2"),
      ],
    },
  ];
}

/** What the firewall lets through and what it keeps apart. */
export const firewallPackets: Suite = {
  name: "firewall-packets",
  scenarios: [
    {
      ...common,
      name: "iptables: where FORWARD drops, a container's connections and their answers pass",
      source: "CNI plugins, firewall, iptables backend; Docker sets FORWARD to DROP",
      versions: { from: "0.4.0" },
      needs: ["iptables"],
      leaves: { ...common.leaves, iptables: ["FORWARD DROP"], ip6tables: ["FORWARD DROP"] },
      steps: [
        ...inBoth("-P", "FORWARD", "DROP"),
        ...attach(...all),
        isStopped("c1", outsideAddress.ipv4),
        on("ADD", "c1", iptables),
        ...families.flatMap((family) => [
          passes("c1", outsideAddress[family], "outside"),
          passes("host", addressOf.c1[family], "c1"),
        ]),
        ...areJoined("c1", "c3"),
        isStopped("outside", addressOf.c1.ipv4),
        isStopped("c3", outsideAddress.ipv4),
        on("CHECK", "c1", iptables),
        on("DEL", "c1", iptables),
        ...families.map((family) => isStopped("c1", outsideAddress[family])),
      ],
    },
    {
      ...common,
      name: "iptables: the admin chain decides before the containers' rules",
      source: "CNI plugins, firewall, iptablesAdminChainName",
      needs: ["iptables"],
      leaves: {
        ...common.leaves,
        iptables: ["FORWARD DROP", "MY-ADMIN"],
        ip6tables: ["FORWARD DROP", "MY-ADMIN"],
      },
      steps: [
        ...inBoth("-P", "FORWARD", "DROP"),
        ...attach("c1", "c3"),
        on("ADD", "c1", { ...iptables, iptablesAdminChainName: "MY-ADMIN" }),
        on("ADD", "c3", iptables),
        { run: ["iptables", "-A", "MY-ADMIN", ...toWebServer, "-j", "DROP"] },
        { run: ["iptables", "-A", "CNI-ADMIN", "-d", addressOf.c1.ipv4, "-p", "tcp", "-j", "ACCEPT"] },
        isStopped("c1", outsideAddress.ipv4),
        passes("c1", outsideAddress.ipv6, "outside"),
        passes("outside", addressOf.c1.ipv4, "c1"),
        isStopped("outside", addressOf.c3.ipv4),
        { run: ["iptables", "-F", "MY-ADMIN"] },
        { run: ["iptables", "-F", "CNI-ADMIN"] },
      ],
    },
    ...(["iptables", "nftables"] as const).flatMap(policies),
    {
      ...common,
      name: "iptables: isolation is not bypassed when rules were lost and a container is added",
      source: "CNI plugins, firewall, ingressPolicy; firewalld issue 779: a reload drops rules",
      needs: ["iptables"],
      steps: [
        ...attach(...all),
        ...(["c1", "c3"] as const).map((container) =>
          on("ADD", container, { ...iptables, ingressPolicy: "same-bridge" }),
        ),
        {
          run: [
            ...["iptables", "-D", "FORWARD", "-m", "comment", "--comment", "CNI firewall plugin rules"],
            ...["-j", "CNI-FORWARD"],
          ],
        },
        on("ADD", "c2", iptables),
        isStopped("c1", addressOf.c3.ipv4),
        passes("c1", outsideAddress.ipv4, "outside"),
      ],
    },
  ],
};
