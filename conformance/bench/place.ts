import { createHash } from "node:crypto";
import { toolEnvironment } from "../harness/host/command.ts";
import { Host } from "../harness/host/host.ts";
import { asObject, type JsonObject, parse } from "../harness/host/json.ts";
import { pluginConfig } from "../harness/plugins/chain.ts";
import { ensurePeer } from "../harness/plugins/peers.ts";
import { pluginEnvironment } from "../harness/plugins/plugin-call.ts";
import { type Call, Launcher, type LauncherProgram, type Outcome, successful } from "./launcher.ts";
import { capabilityArgs, type Verb, type Workload } from "./workloads.ts";

const confDir = "/etc/cni/net.d";

/** A container of the benchmark: its namespace is its own, and so are its address and its port. */
export type Container = { name: string; containerId: string; hostPort: number; number: number };

/** One maker's plugins at work for one workload, in a host of their own with a launcher in it. */
export class Place {
  readonly host: Host;
  readonly launcher: Launcher;
  readonly workload: Workload;
  readonly binDir: string;

  private constructor(host: Host, launcher: Launcher, workload: Workload, binDir: string) {
    this.host = host;
    this.launcher = launcher;
    this.workload = workload;
    this.binDir = binDir;
  }

  static async create(workload: Workload, binDir: string, program: LauncherProgram): Promise<Place> {
    const host = await Host.create();
    const { network, cniVersion, plugins } = workload;
    const conflist = { name: network, cniVersion, plugins };
    // Before version 0.3.0 a file holds one plugin.
    const [only] = plugins;
    const isOld = cniVersion === "0.2.0";
    const text = JSON.stringify(isOld ? { ...only, name: network, cniVersion } : conflist);
    host.writeFile(`${confDir}/10-bench.conf${isOld ? "" : "list"}`, text);
    return new Place(host, new Launcher(host, program), workload, binDir);
  }

  /** Makes a container: a namespace, and nothing in it. `number` tells it from the others of this host. */
  addContainer(number: number): Container {
    const name = `bench${number}`;
    const netns = this.host.addNetns(name);
    this.host.inNetns(name, "ip", ["link", "set", "lo", "up"]);
    if (this.#comesAfterBridge()) {
      this.host.inNetns(name, "ip", ["link", "add", "eth0", "type", "veth", "peer", "name", "peer0"]);
    }
    // This is how cnitool makes an ID; plugins that are called directly get one as long as runtimes give.
    const digits = createHash("sha512").update(netns).digest("hex");
    const containerId =
      this.workload.kind === "chain" ? `cnitool-${digits.slice(0, 20)}` : digits.slice(0, 64);
    return { name, containerId, hostPort: 9000 + number, number };
  }

  /** The call of a verb; `result` is what ADD answered, for CHECK and DEL of a plugin that is called directly. */
  call(verb: Verb, container: Container, result?: unknown): Call {
    return this.workload.kind === "chain"
      ? this.#byCnitool(verb, container)
      : this.#direct(verb, container, result);
  }

  /** Runs a verb to its end; throws with what it said when it fails. */
  async run(verb: Verb, container: Container, result?: unknown): Promise<Outcome> {
    return this.launcher.run(this.call(verb, container, result));
  }

  /** What a call printed, if it was a success. */
  result(call: Call, outcome: Outcome): JsonObject {
    return asObject(parse(successful(call, outcome).stdout));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.host.dispose();
  }

  #byCnitool(verb: Verb, container: Container): Call {
    const env = {
      ...toolEnvironment,
      CNI_PATH: this.binDir,
      NETCONFPATH: confDir,
      CAP_ARGS: JSON.stringify(capabilityArgs(this.workload, container.hostPort)),
    };
    const argv = [ensurePeer().cnitool, verb.toLowerCase(), this.workload.network, netnsOf(container)];
    return { argv, env, stdin: "" };
  }

  #direct(verb: Verb, container: Container, result: unknown): Call {
    const { executable = "", network, cniVersion, plugins } = this.workload;
    const [config = {}] = plugins;
    const bin = `${this.binDir}/${executable}`;
    const hasContainer = verb === "ADD" || verb === "CHECK" || verb === "DEL";
    const { containerId } = container;
    const attachment = hasContainer && { containerId, netns: netnsOf(container), ifname: "eth0" };
    const prevResult = hasContainer ? (result ?? this.#previousResult(container)) : undefined;
    const list = { name: network, cniVersion };
    const input =
      verb === "VERSION"
        ? { cniVersion }
        : pluginConfig(list, config, capabilityArgs(this.workload, container.hostPort), prevResult);
    return {
      argv: [bin],
      env: pluginEnvironment(bin, { command: verb, ...attachment }),
      stdin: JSON.stringify(input),
    };
  }

  #comesAfterBridge(): boolean {
    return ["portmap", "firewall", "tuning"].includes(this.workload.executable ?? "");
  }

  /** What a bridge plugin would have answered, for a plugin that comes after it. */
  #previousResult(container: Container): unknown {
    if (!this.#comesAfterBridge()) return undefined;
    return {
      cniVersion: this.workload.cniVersion,
      interfaces: [
        { name: "cni0" },
        { name: `veth${container.number}` },
        { name: "eth0", sandbox: netnsOf(container) },
      ],
      ips: [{ address: `10.7.0.${container.number + 2}/16`, gateway: "10.7.0.1", interface: 2 }],
    };
  }
}

function netnsOf({ name }: Container): string {
  return `/run/netns/${name}`;
}
