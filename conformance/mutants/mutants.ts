import { isObject, type JsonObject } from "../harness/json.ts";
import {
  afterwards,
  each,
  inside,
  type Mutation,
  nothingDone,
  omit,
  only,
  otherConfig,
  otherEnv,
  otherError,
  otherResult,
  silence,
  without,
} from "./mutation.ts";

/** A plugin that is deliberately wrong, and the scenario that must notice. */
export type Mutant = {
  name: string;
  plugin: string;
  mutation: Mutation;
  /** The start of the IDs of the scenarios that catch it; one of them must. */
  killedBy: string;
};

const eachMapping = (change: (mapping: JsonObject) => JsonObject): Mutation =>
  otherConfig((config) =>
    inside(config, "runtimeConfig", (runtime) => ({
      ...runtime,
      portMappings: each(runtime["portMappings"], change),
    })),
  );

/** A lease file of host-local in its usual place. */
const leaseFiles = "/var/lib/cni/networks";

/** Every mutant. Their number is what issue trackers call the suite's strength. */
export const mutants: readonly Mutant[] = [
  // The protocol.
  {
    name: "fails with exit status 0",
    plugin: "loopback",
    mutation: { answer: (answer) => ({ ...answer, status: 0 }) },
    killedBy: "protocol/",
  },
  {
    name: "succeeds with exit status 1",
    plugin: "loopback",
    mutation: only("DEL", { answer: (answer) => ({ ...answer, status: 1 }) }),
    killedBy: "loopback/",
  },
  {
    name: "tells on standard output what it does",
    plugin: "loopback",
    mutation: only("ADD", { answer: (answer) => ({ ...answer, stdout: `adding\n${answer.stdout}` }) }),
    killedBy: "loopback/",
  },
  {
    name: "prints a result on DEL",
    plugin: "loopback",
    mutation: only("DEL", { answer: (answer) => ({ ...answer, stdout: "{}" }) }),
    killedBy: "loopback/",
  },
  {
    name: "prints its error on standard error",
    plugin: "tuning",
    mutation: {
      answer: ({ status, stdout }) =>
        status === 0 ? { status, stdout, stderr: "" } : { status, stdout: "", stderr: stdout },
    },
    killedBy: "protocol/",
  },
  {
    name: "has error code 0",
    plugin: "host-local",
    mutation: otherError((error) => ({ ...error, code: 0 })),
    killedBy: "protocol/",
  },
  {
    name: "has a text as error code",
    plugin: "host-local",
    mutation: otherError((error) => ({ ...error, code: String(error["code"]) })),
    killedBy: "protocol/",
  },
  {
    name: "has code 100 for every error",
    plugin: "bridge",
    mutation: otherError((error) => ({ ...error, code: 100 })),
    killedBy: "protocol/",
  },
  {
    name: "has errors without a message",
    plugin: "portmap",
    mutation: otherError((error) => ({ ...error, msg: "" })),
    killedBy: "protocol/",
  },
  {
    name: "names another version in its result",
    plugin: "host-local",
    mutation: only(
      "ADD",
      otherResult((result) => ({ ...result, cniVersion: "1.0.0" })),
    ),
    killedBy: "host-local/",
  },
  {
    name: "gives results of 1.0.0 and newer to every version",
    plugin: "host-local",
    mutation: only(
      "ADD",
      otherResult((result) => ({ ...result, ips: each(result["ips"], (ip) => omit(ip, "version")) })),
    ),
    killedBy: "host-local/",
  },
  {
    name: "gives the oldest versions the newest keys",
    plugin: "bridge",
    mutation: only(
      "ADD",
      otherResult((result) => {
        const ip4 = result["ip4"];
        return isObject(ip4) ? { ...omit(result, "ip4"), ips: [{ address: ip4["ip"] }] } : result;
      }),
    ),
    killedBy: "bridge",
  },
  {
    name: "does not know version 1.1.0",
    plugin: "tuning",
    mutation: only(
      "VERSION",
      otherResult((result) => ({ ...result, supportedVersions: ["0.4.0", "1.0.0"] })),
    ),
    killedBy: "protocol/",
  },
  {
    name: "prints its versions under another key",
    plugin: "tuning",
    mutation: only(
      "VERSION",
      otherResult(({ supportedVersions, ...result }) => ({ ...result, versions: supportedVersions })),
    ),
    killedBy: "protocol/",
  },
  {
    name: "takes any container ID",
    plugin: "host-local",
    mutation: otherEnv((env) => {
      const id = env["CNI_CONTAINERID"] ?? "";
      return id === "" || /^[a-zA-Z0-9][\w.-]*$/.test(id) ? env : { ...env, CNI_CONTAINERID: "any" };
    }),
    killedBy: "bad input/",
  },
  {
    name: "takes what is not JSON",
    plugin: "portmap",
    mutation: { answer: (answer) => (answer.stdout.includes('"code": 6') ? silence : answer) },
    killedBy: "bad input/",
  },
  {
    name: "takes every version",
    plugin: "loopback",
    mutation: otherConfig((config) => ({ ...config, cniVersion: "1.0.0" })),
    killedBy: "protocol/",
  },
  {
    name: "hangs when the namespace is gone",
    plugin: "loopback",
    mutation: only("DEL", {
      instead: ({ env }) => {
        if (!env["CNI_NETNS"]) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
        return undefined;
      },
    }),
    killedBy: "idempotence/",
  },
  {
    name: "fails on DEL when the namespace is gone",
    plugin: "tuning",
    mutation: only("DEL", {
      instead: ({ env }) =>
        env["CNI_NETNS"]
          ? undefined
          : { status: 1, stdout: '{"code": 3, "msg": "no namespace"}', stderr: "" },
    }),
    killedBy: "idempotence/",
  },
  {
    name: "answers GC with an error",
    plugin: "host-local",
    mutation: only("GC", {
      instead: () => ({ status: 1, stdout: '{"code": 4, "msg": "unknown GC"}', stderr: "" }),
    }),
    killedBy: "host-local",
  },
  {
    name: "always uses eth0",
    plugin: "bridge",
    mutation: otherEnv((env) => (env["CNI_IFNAME"] === undefined ? env : { ...env, CNI_IFNAME: "eth0" })),
    killedBy: "bridge",
  },
  // host-local
  {
    name: "forgets the lease it gave",
    plugin: "host-local",
    mutation: only("ADD", afterwards(`find ${leaseFiles} -type f -name *.*.* -delete`)),
    killedBy: "host-local",
  },
  {
    name: "keeps the lease after DEL",
    plugin: "host-local",
    mutation: only("DEL", nothingDone),
    killedBy: "host-local",
  },
  {
    name: "gives every container the same address",
    plugin: "host-local",
    mutation: only("ADD", {
      ...afterwards(`find ${leaseFiles} -type f -name last_reserved_ip.* -delete`),
      request: (request) => request,
      ...otherResult((result) => ({
        ...result,
        ips: each(result["ips"], (ip) => ({
          ...ip,
          address: String(ip["address"]).replace(/\.\d+\//, ".2/"),
        })),
      })),
    }),
    killedBy: "host-local",
  },
  {
    name: "does not give the gateway",
    plugin: "host-local",
    mutation: only(
      "ADD",
      otherResult((result) => ({ ...result, ips: each(result["ips"], (ip) => omit(ip, "gateway")) })),
    ),
    killedBy: "host-local",
  },
  {
    name: "collects nothing",
    plugin: "host-local",
    mutation: only("GC", nothingDone),
    killedBy: "host-local",
  },
  {
    name: "collects everything",
    plugin: "host-local",
    mutation: only(
      "GC",
      otherConfig((config) => ({ ...config, "cni.dev/valid-attachments": [] })),
    ),
    killedBy: "host-local",
  },
  {
    name: "finds nothing wrong with a lost lease",
    plugin: "host-local",
    mutation: only("CHECK", nothingDone),
    killedBy: "host-local",
  },
  {
    name: "begins a range at its subnet's start",
    plugin: "host-local",
    mutation: otherConfig((config) => inside(config, "ipam", (ipam) => omit(ipam, "rangeStart"))),
    killedBy: "host-local",
  },
  {
    name: "does not know routes",
    plugin: "host-local",
    mutation: otherConfig((config) => inside(config, "ipam", (ipam) => omit(ipam, "routes"))),
    killedBy: "host-local",
  },
  // bridge
  {
    name: "forgets the default route",
    plugin: "bridge",
    mutation: only("ADD", afterwards("nsenter --net=$NETNS ip route del default")),
    killedBy: "bridge",
  },
  {
    name: "forgets to attach the port",
    plugin: "bridge",
    mutation: only("ADD", afterwards("ip link set $PORT nomaster")),
    killedBy: "bridge",
  },
  {
    name: "does not know mtu",
    plugin: "bridge",
    mutation: without("mtu"),
    killedBy: "bridge",
  },
  {
    name: "does not know hairpinMode",
    plugin: "bridge",
    mutation: without("hairpinMode"),
    killedBy: "bridge",
  },
  {
    name: "does not masquerade",
    plugin: "bridge",
    mutation: without("ipMasq"),
    killedBy: "bridge",
  },
  {
    name: "leaves its masquerade rules",
    plugin: "bridge",
    mutation: only(
      "DEL",
      otherConfig((config) => ({ ...config, ipMasq: false })),
    ),
    killedBy: "bridge",
  },
  {
    name: "does not tell its IPAM plugin of DEL",
    plugin: "bridge",
    mutation: only("DEL", without("ipam")),
    killedBy: "bridge",
  },
  {
    name: "finds no damage",
    plugin: "bridge",
    mutation: only("CHECK", nothingDone),
    killedBy: "bridge",
  },
  {
    name: "reports its links in another order",
    plugin: "bridge",
    mutation: only(
      "ADD",
      otherResult((result) => {
        const links = result["interfaces"];
        return Array.isArray(links) ? { ...result, interfaces: links.toReversed() } : result;
      }),
    ),
    killedBy: "bridge",
  },
  {
    name: "leaves a link behind",
    plugin: "bridge",
    mutation: only(
      "ADD",
      afterwards("ip link add br-extra type bridge", "ip link add leak0 type veth peer name leak1"),
    ),
    killedBy: "bridge",
  },
  {
    name: "drops the dns settings",
    plugin: "bridge",
    mutation: only(
      "ADD",
      otherResult((result) => omit(result, "dns")),
    ),
    killedBy: "bridge",
  },
  {
    name: "ignores the hardware address asked for",
    plugin: "bridge",
    mutation: {
      request: (request) =>
        otherConfig((config) => inside(config, "runtimeConfig", (runtime) => omit(runtime, "mac"))).request?.(
          {
            ...request,
            env: omitVariable(request.env, "CNI_ARGS"),
          },
        ) ?? request,
    },
    killedBy: "bridge",
  },
  // portmap
  {
    name: "publishes on every address",
    plugin: "portmap",
    mutation: eachMapping((mapping) => omit(mapping, "hostIP")),
    killedBy: "portmap",
  },
  {
    name: "publishes TCP only",
    plugin: "portmap",
    mutation: eachMapping((mapping) => ({ ...mapping, protocol: "tcp" })),
    killedBy: "portmap",
  },
  {
    name: "has no hairpin",
    plugin: "portmap",
    mutation: otherConfig((config) => ({ ...config, snat: false })),
    killedBy: "portmap",
  },
  {
    name: "leaves its rules",
    plugin: "portmap",
    mutation: only("DEL", nothingDone),
    killedBy: "portmap",
  },
  {
    name: "finds no rule missing",
    plugin: "portmap",
    mutation: only("CHECK", nothingDone),
    killedBy: "portmap",
  },
  {
    name: "takes forwarded traffic too",
    plugin: "portmap",
    mutation: only(
      "ADD",
      afterwards(
        "iptables -t nat -A PREROUTING -p tcp --dport 8080 -j REDIRECT",
        "ip6tables -t nat -A PREROUTING -p tcp --dport 8080 -j REDIRECT",
      ),
    ),
    killedBy: "portmap",
  },
  {
    name: "loses the result it was given",
    plugin: "portmap",
    mutation: only(
      "ADD",
      otherResult(({ cniVersion }) => ({ cniVersion })),
    ),
    killedBy: "portmap",
  },
  {
    name: "does not know conditionsV4",
    plugin: "portmap",
    mutation: without("conditionsV4"),
    killedBy: "portmap",
  },
  // firewall
  {
    name: "opens nothing",
    plugin: "firewall",
    mutation: only("ADD", {
      instead: ({ stdin }) => {
        const config: unknown = JSON.parse(stdin);
        const result = isObject(config) ? config["prevResult"] : undefined;
        return isObject(result) ? { status: 0, stdout: JSON.stringify(result), stderr: "" } : undefined;
      },
    }),
    killedBy: "firewall",
  },
  {
    name: "does not know ingressPolicy",
    plugin: "firewall",
    mutation: without("ingressPolicy"),
    killedBy: "firewall",
  },
  {
    name: "leaves its rules",
    plugin: "firewall",
    mutation: only("DEL", nothingDone),
    killedBy: "firewall",
  },
  {
    name: "deletes every rule",
    plugin: "firewall",
    mutation: only("DEL", afterwards("iptables -F CNI-FORWARD")),
    killedBy: "firewall",
  },
  // tuning
  {
    name: "does not set sysctls",
    plugin: "tuning",
    mutation: without("sysctl"),
    killedBy: "tuning",
  },
  {
    name: "does not restore what it changed",
    plugin: "tuning",
    mutation: only("DEL", nothingDone),
    killedBy: "tuning",
  },
  {
    name: "finds no setting changed",
    plugin: "tuning",
    mutation: only("CHECK", nothingDone),
    killedBy: "tuning",
  },
  {
    name: "does not know mtu",
    plugin: "tuning",
    mutation: without("mtu"),
    killedBy: "tuning",
  },
  // loopback
  {
    name: "leaves lo down",
    plugin: "loopback",
    mutation: only("ADD", afterwards("nsenter --net=$NETNS ip link set lo down")),
    killedBy: "loopback/",
  },
];

function omitVariable(env: Record<string, string>, name: string): Record<string, string> {
  const { [name]: _omitted, ...rest } = env;
  return rest;
}
