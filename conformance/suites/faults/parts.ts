import type { JsonObject } from "../../harness/host/json.ts";
import type { Step } from "../../scenario/scenario.ts";

export const bridge: JsonObject = { bridge: "br0", isGateway: true };

/** Addresses whose leases are in some folder. Default: where host-local keeps them. */
export const lease = (dataDir?: string): JsonObject => ({
  ipam: { type: "host-local", subnet: "10.9.0.0/24", ...(dataDir !== undefined && { dataDir }) },
});

/** What a plugin that makes interfaces has returned. */
export const result: JsonObject = {
  interfaces: [{ name: "eth0", sandbox: "/run/netns/c1" }],
  ips: [{ address: "10.9.0.2/24", gateway: "10.9.0.1", interface: 0 }],
};

export const mapping: JsonObject = {
  runtimeConfig: { portMappings: [{ hostPort: 8080, containerPort: 80, protocol: "tcp" }] },
};

/** An error object, whatever is in it. */
export const error = { error: {} };

export const same: Step = { unchanged: true, except: "furniture" };
