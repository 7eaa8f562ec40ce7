import type { JsonObject } from "../../harness/host/json.ts";
import type { Command } from "../../harness/plugins/plugin-call.ts";
import type { CallStep, ErrorCode } from "../../scenario/call-step.ts";
import type { Need, Scenario, Versions } from "../../scenario/scenario.ts";

/** A plugin with a configuration that makes it do its work, for what the specification demands of every plugin. */
export type Subject = {
  plugin: string;
  config: JsonObject;
  /** The interface that it works on. Default: `eth0`. */
  ifname?: string;
  /** What a plugin before it has returned; absent for plugins that come first. */
  before?: JsonObject;
  /** The first version that it has. */
  since: string;
  needs?: readonly Need[];
};

/** What a plugin that makes interfaces has returned, with everything that a result can hold. */
export const fullResult: JsonObject = {
  interfaces: [
    { name: "br0", mac: "02:00:00:00:00:01" },
    { name: "veth1", mac: "02:00:00:00:00:02", mtu: 1400 },
    {
      name: "eth0",
      mac: "02:00:00:00:00:03",
      mtu: 1400,
      sandbox: "/run/netns/c1",
      socketPath: "/run/vhost.sock",
      pciID: "0000:04:00.5",
    },
  ],
  ips: [
    { address: "10.1.0.5/24", gateway: "10.1.0.1", interface: 2 },
    { address: "fd00:1::5/64", gateway: "fd00:1::1", interface: 2 },
  ],
  routes: [
    { dst: "0.0.0.0/0", gw: "10.1.0.1", mtu: 1300, advmss: 1260, priority: 5, table: 100, scope: 0 },
    { dst: "192.168.0.0/16", gw: "10.1.0.2" },
    { dst: "::/0", gw: "fd00:1::1" },
  ],
  dns: {
    nameservers: ["10.1.0.1", "fd00:1::1"],
    domain: "example.net",
    search: ["example.net", "example.com"],
    options: ["ndots:2"],
  },
};

const hostLocal = { type: "host-local", ranges: [[{ subnet: "10.1.0.0/24" }]] };

export const loopback: Subject = { plugin: "loopback", config: {}, since: "0.1.0" };
export const bridge: Subject = {
  plugin: "bridge",
  config: { bridge: "br0", isGateway: true, ipam: hostLocal },
  since: "0.1.0",
};
export const ipam: Subject = { plugin: "host-local", config: { ipam: hostLocal }, since: "0.1.0" };
export const portmap: Subject = {
  plugin: "portmap",
  config: {
    backend: "iptables",
    capabilities: { portMappings: true },
    runtimeConfig: { portMappings: [{ hostPort: 8080, containerPort: 80, protocol: "tcp" }] },
  },
  before: fullResult,
  since: "0.1.0",
  needs: ["iptables"],
};
export const firewall: Subject = {
  plugin: "firewall",
  config: { backend: "iptables" },
  before: fullResult,
  since: "0.4.0",
  needs: ["iptables"],
};
export const tuning: Subject = {
  plugin: "tuning",
  config: { sysctl: { "net.ipv4.conf.default.log_martians": "1" } },
  // eth0 is only told of by the plugin before it.
  ifname: "lo",
  before: fullResult,
  since: "0.1.0",
};

export const subjects: readonly Subject[] = [loopback, bridge, ipam, portmap, firewall, tuning];
export const chained: readonly Subject[] = subjects.filter(({ before }) => before !== undefined);

/** A call of a plugin with its own configuration; ADD gets the result of a plugin before it, where it needs one. */
export function callOf(
  { config, before, ifname }: Subject,
  call: Command,
  { config: keys, ...more }: Partial<CallStep> = {},
): CallStep {
  return {
    call,
    config: { ...config, ...keys },
    ...(ifname !== undefined && { ifname }),
    ...(call === "ADD" && before !== undefined && { prevResult: before }),
    ...more,
  };
}

/** The scenario for each of the plugins: a rule that all of them are held to. */
export function forEach(
  some: readonly Subject[],
  scenario: (subject: Subject) => Omit<Scenario, "plugin">,
): Scenario[] {
  return some.map((subject) => {
    const { name, versions, ...rest } = scenario(subject);
    return {
      name: `${subject.plugin} ${name}`,
      plugin: subject.plugin,
      ...(subject.needs !== undefined && { needs: subject.needs }),
      ...(versions !== undefined && { versions: withoutOlder(versions, subject.since) }),
      ...rest,
    };
  });
}

function withoutOlder(versions: Versions, since: string): Versions {
  return versions === "all" && since !== "0.1.0" ? { from: since } : versions;
}

/** An error with this code, whose text names something. */
export function refused(code: ErrorCode | readonly ErrorCode[], names = ""): Pick<CallStep, "expect"> {
  return { expect: { error: { code, ...(names !== "" && { names }) } } };
}
