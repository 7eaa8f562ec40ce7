import { fileURLToPath } from "node:url";
import { Client, credentials } from "@grpc/grpc-js";
import { type AnyDefinition, loadSync, type ServiceDefinition } from "@grpc/proto-loader";
import { asObject, isObject, type JsonObject, objectList } from "../host/json.ts";

/** Pulling of nothing and starting of one process: more would be a hang. */
const deadlineMs = 180_000;

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
  const pods = new Map<string, object>();
  const call = (method: string, request: object) => callRuntime(socket, method, request);
  return {
    async networkStatus() {
      const { conditions } = asObject((await call("Status", {}))["status"]);
      const network = objectList(conditions).find(({ type }) => type === "NetworkReady");
      return { ready: network?.["status"] === true, message: String(network?.["message"]) };
    },
    async updatePodCidr(...cidrs) {
      await call("UpdateRuntimeConfig", { runtimeConfig: { networkConfig: { podCidr: cidrs.join(",") } } });
    },
    async hasImage(image) {
      return isObject((await call("ImageStatus", { image: { image } }))["image"]);
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
      const { network } = asObject((await call("PodSandboxStatus", { podSandboxId }))["status"]);
      const { ip, additionalIps } = asObject(network);
      return [ip, ...objectList(additionalIps).map((more) => more["ip"])].map(String);
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
      const { stdout, stderr, exitCode } = await call("ExecSync", {
        containerId,
        cmd: command,
        timeout: 60,
      });
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

/** One call of a method of CRI's services over a Unix socket. Rejects with the runtime's words when it fails. */
async function callRuntime(socket: string, name: string, request: object): Promise<JsonObject> {
  const method = services.map((service) => service[name]).find((known) => known !== undefined);
  if (method === undefined) throw new Error(`api.proto has no ${name}`);
  const { path, requestSerialize, responseDeserialize } = method;
  const client = new Client(`unix:${socket}`, credentials.createInsecure());
  const options = { deadline: Date.now() + deadlineMs };
  try {
    return await new Promise((resolve, reject) => {
      client.makeUnaryRequest(
        path,
        requestSerialize,
        responseDeserialize,
        request,
        options,
        (error, answer) => {
          if (error === null) resolve(asObject(answer));
          else reject(new Error(`${path}: ${error.message}`, { cause: error }));
        },
      );
    });
  } finally {
    client.close();
  }
}

const proto = fileURLToPath(new URL("../../fixtures/cri/api.proto", import.meta.url));
const services = Object.values(loadSync(proto, { defaults: true })).filter(isService);

function isService(definition: AnyDefinition): definition is ServiceDefinition {
  return !("format" in definition);
}
