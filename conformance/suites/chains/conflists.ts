import type { JsonObject } from "../../harness/host/json.ts";

/** A network configuration as its users have it, embedded so that the packed program needs no files. */
export type EmbeddedList = {
  /** The file it comes from, in conformance/fixtures/conflists. */
  file: string;
  cniVersion: string;
  name: string;
  plugins: readonly JsonObject[];
};

/** A single plugin of spec 0.2.0, as in the first manuals. */
export const oldConf: EmbeddedList = {
  file: "10-mynet-0.2.0.conf",
  cniVersion: "0.2.0",
  name: "mynet",
  plugins: [
    {
      type: "bridge",
      bridge: "br0",
      isGateway: true,
      ipMasq: true,
      ipam: {
        type: "host-local",
        subnet: "10.10.10.0/24",
        routes: [{ dst: "0.0.0.0/0" }],
        dataDir: "/run/ipam-state",
      },
      dns: { nameservers: ["8.8.8.8"] },
    },
  ],
};

/** containerd's CRI, dual stack, from its install script. */
export const containerd: EmbeddedList = {
  file: "containerd-cri-dual-stack.conflist",
  cniVersion: "1.0.0",
  name: "containerd-net",
  plugins: [
    {
      type: "bridge",
      bridge: "cni0",
      isGateway: true,
      ipMasq: true,
      promiscMode: true,
      ipam: {
        type: "host-local",
        ranges: [[{ subnet: "10.88.0.0/16" }], [{ subnet: "2001:db8:4860::/64" }]],
        routes: [{ dst: "0.0.0.0/0" }, { dst: "::/0" }],
      },
    },
    { type: "portmap", capabilities: { portMappings: true } },
  ],
};

/** A Kubernetes node: pod ranges by `ipRanges`, everything by nftables. */
export const kubernetes: EmbeddedList = {
  file: "kubernetes-nftables.conflist",
  cniVersion: "1.1.0",
  name: "k8s-pod-network",
  plugins: [
    {
      type: "bridge",
      bridge: "cni0",
      isDefaultGateway: true,
      forceAddress: false,
      ipMasq: true,
      ipMasqBackend: "nftables",
      hairpinMode: true,
      ipam: { type: "host-local" },
      capabilities: { ipRanges: true, ips: true, mac: true },
    },
    { type: "portmap", snat: true, backend: "nftables", capabilities: { portMappings: true } },
    { type: "tuning", sysctl: { "net.core.somaxconn": "500" }, capabilities: { mac: true } },
  ],
};

/** nerdctl's default network. */
export const nerdctl: EmbeddedList = {
  file: "nerdctl-bridge.conflist",
  cniVersion: "1.0.0",
  name: "bridge",
  plugins: [
    {
      type: "bridge",
      bridge: "nerdctl0",
      isGateway: true,
      ipMasq: true,
      hairpinMode: true,
      ipam: {
        ranges: [[{ gateway: "10.4.0.1", subnet: "10.4.0.0/24" }]],
        routes: [{ dst: "0.0.0.0/0" }],
        type: "host-local",
      },
    },
    { type: "portmap", capabilities: { portMappings: true } },
    { type: "firewall", ingressPolicy: "same-bridge" },
    { type: "tuning" },
  ],
};

/** podman's default network with the CNI backend. */
export const podman: EmbeddedList = {
  file: "podman-default.conflist",
  cniVersion: "0.4.0",
  name: "podman",
  plugins: [
    {
      type: "bridge",
      bridge: "cni-podman0",
      isGateway: true,
      ipMasq: true,
      hairpinMode: true,
      ipam: {
        type: "host-local",
        routes: [{ dst: "0.0.0.0/0" }],
        ranges: [[{ subnet: "10.89.0.0/16", gateway: "10.89.0.1" }]],
      },
    },
    { type: "portmap", capabilities: { portMappings: true } },
    { type: "firewall" },
    { type: "tuning" },
  ],
};

export const embeddedLists = [oldConf, containerd, kubernetes, nerdctl, podman];
