import { callGrpc, type GrpcMethod } from "./grpc.ts";
import { asList, asMap, type Message, type Value } from "./protobuf.ts";

/** A port of the node that leads to one of the pod. */
type PodPort = { hostPort: number; containerPort: number };

/** A container runtime's CRI, asked as the kubelet asks it. */
export type Cri = {
  /** Whether the runtime says that its network is ready, and why not. */
  networkStatus(): Promise<{ ready: boolean; message: string }>;
  /** Tells the node's pod CIDRs. */
  updatePodCidr(...cidrs: string[]): Promise<void>;
  /** Whether the runtime knows an image. */
  hasImage(image: string): Promise<boolean>;
  /** Makes a pod's sandbox with its network, and returns its ID. */
  runPod(name: string, ports?: readonly PodPort[]): Promise<string>;
  /** The pod's addresses, the first one first. */
  podAddresses(podId: string): Promise<string[]>;
  /** Runs a container in a pod, and returns its ID. */
  runContainer(podId: string, name: string, image: string, command: readonly string[]): Promise<string>;
  /** Runs a command in a container to its end, and returns its standard output. */
  exec(containerId: string, ...command: string[]): Promise<string>;
  stopPod(podId: string): Promise<void>;
  removePod(podId: string): Promise<void>;
};

/**
 * Speaks CRI v1 at a runtime's socket, as seen from the test process. Pods' cgroups are made below `cgroup`.
 * Everything rejects with the runtime's words when it fails.
 */
export function criFor(socket: string, cgroup: string): Cri {
  const pods = new Map<string, { readonly [name: string]: Value }>();
  const call = (name: keyof typeof methods, request: { readonly [name: string]: Value }) =>
    callGrpc(socket, methods[name], request);
  return {
    async networkStatus() {
      const { conditions } = asMap((await call("Status", {}))["status"]);
      const network = asList(conditions)
        .map(asMap)
        .find(({ type }) => type === "NetworkReady");
      return { ready: network?.["status"] === true, message: String(network?.["message"]) };
    },
    async updatePodCidr(...cidrs) {
      await call("UpdateRuntimeConfig", { runtimeConfig: { networkConfig: { podCidr: cidrs.join(",") } } });
    },
    async hasImage(image) {
      const { image: found } = await call("ImageStatus", { image: { image } });
      return asMap(found)["id"] !== undefined;
    },
    async runPod(name, ports = []) {
      const config = {
        metadata: { name, uid: `uid-of-${name}`, namespace: "default" },
        hostname: name,
        portMappings: ports.map(({ hostPort, containerPort }) => ({ hostPort, containerPort })),
        linux: { cgroupParent: cgroup },
      };
      const podId = String((await call("RunPodSandbox", { config }))["podSandboxId"]);
      pods.set(podId, config);
      return podId;
    },
    async podAddresses(podSandboxId) {
      const { network } = asMap((await call("PodSandboxStatus", { podSandboxId }))["status"]);
      const { ip, additionalIps } = asMap(network);
      return [ip, ...asList(additionalIps).map((more) => asMap(more)["ip"])].map(String);
    },
    async runContainer(podSandboxId, name, image, command) {
      const config = { metadata: { name }, image: { image }, command: [...command] };
      const sandboxConfig = pods.get(podSandboxId) ?? {};
      const created = await call("CreateContainer", { podSandboxId, config, sandboxConfig });
      const containerId = String(created["containerId"]);
      await call("StartContainer", { containerId });
      return containerId;
    },
    async exec(containerId, ...command) {
      const { stdout, stderr, exitCode } = await call("ExecSync", { containerId, command, timeout: 60 });
      if (exitCode !== 0) throw new Error(`${command.join(" ")}: status ${exitCode}: ${stdout}${stderr}`);
      return String(stdout);
    },
    async stopPod(podSandboxId) {
      await call("StopPodSandbox", { podSandboxId });
    },
    async removePod(podSandboxId) {
      await call("RemovePodSandbox", { podSandboxId });
    },
  };
}

// The numbers are those of k8s.io/cri-api/pkg/apis/runtime/v1/api.proto.
const metadata: Message = {
  name: [1, "string"],
  uid: [2, "string"],
  namespace: [3, "string"],
};
const portMapping: Message = { containerPort: [2, "int"], hostPort: [3, "int"] };
const podConfig: Message = {
  metadata: [1, metadata],
  hostname: [2, "string"],
  portMappings: [5, portMapping, "repeated"],
  linux: [8, { cgroupParent: [1, "string"] }],
};
const imageSpec: Message = { image: [1, "string"] };
const containerConfig: Message = {
  metadata: [1, { name: [1, "string"] }],
  image: [2, imageSpec],
  command: [3, "string", "repeated"],
};
const condition: Message = { type: [1, "string"], status: [2, "bool"], message: [4, "string"] };
const network: Message = { ip: [1, "string"], additionalIps: [2, { ip: [1, "string"] }, "repeated"] };
const podId: Message = { podSandboxId: [1, "string"] };
const containerId: Message = { containerId: [1, "string"] };

const methods = {
  Status: runtime("Status", {}, { status: [1, { conditions: [1, condition, "repeated"] }] }),
  UpdateRuntimeConfig: runtime(
    "UpdateRuntimeConfig",
    { runtimeConfig: [1, { networkConfig: [1, { podCidr: [1, "string"] }] }] },
    {},
  ),
  RunPodSandbox: runtime("RunPodSandbox", { config: [1, podConfig] }, podId),
  PodSandboxStatus: runtime("PodSandboxStatus", podId, { status: [1, { network: [5, network] }] }),
  StopPodSandbox: runtime("StopPodSandbox", podId, {}),
  RemovePodSandbox: runtime("RemovePodSandbox", podId, {}),
  CreateContainer: runtime(
    "CreateContainer",
    { ...podId, config: [2, containerConfig], sandboxConfig: [3, podConfig] },
    containerId,
  ),
  StartContainer: runtime("StartContainer", containerId, {}),
  ExecSync: runtime(
    "ExecSync",
    { ...containerId, command: [2, "string", "repeated"], timeout: [3, "int"] },
    { stdout: [1, "string"], stderr: [2, "string"], exitCode: [3, "int"] },
  ),
  ImageStatus: {
    path: "/runtime.v1.ImageService/ImageStatus",
    request: { image: [1, imageSpec] },
    response: { image: [1, { id: [1, "string"] }] },
  },
} satisfies Record<string, GrpcMethod>;

function runtime(name: string, request: Message, response: Message): GrpcMethod {
  return { path: `/runtime.v1.RuntimeService/${name}`, request, response };
}
