import type { Host } from "../../conformance/harness/host/host.ts";
import { type JsonObject, parse } from "../../conformance/harness/host/json.ts";
import { pluginConfig } from "../../conformance/harness/plugins/chain.ts";
import { atLeast, type Conflist } from "../../conformance/harness/plugins/conflist.ts";
import type { Shell } from "./shell.ts";

export type Container = { id: string; netns: string; capabilityArgs?: JsonObject };

/** One network of the demo's host: runs its plugins for containers as libcni does for container runtimes. */
export class Network {
  readonly #host: Host;
  readonly #shell: Shell;
  readonly #list: Conflist;
  readonly #directory: string;
  /** The result of each container's ADD: libcni keeps it, and hands it to CHECK and DEL. */
  readonly #results = new Map<string, unknown>();

  /** @param directory where the plugins' configurations are written: the shell's working directory. */
  constructor(host: Host, shell: Shell, list: Conflist, directory: string) {
    this.#host = host;
    this.#shell = shell;
    this.#list = list;
    this.#directory = directory;
  }

  /** Runs ADD of each plugin in the list's order, each with the result of the one before; returns the last result. */
  async add(container: Container): Promise<unknown> {
    this.#export(container);
    let result: unknown;
    for (const plugin of this.#list.plugins) {
      result = parse(await this.#call("ADD", container, plugin, result));
    }
    this.#results.set(container.id, result);
    return result;
  }

  /** Runs CHECK of each plugin, with the result of ADD. */
  async check(container: Container): Promise<void> {
    this.#export(container);
    for (const plugin of this.#list.plugins) {
      await this.#call("CHECK", container, plugin, this.#results.get(container.id));
    }
  }

  /** Runs DEL of each plugin in reverse order. An empty `netns` stands for a namespace that is gone. */
  async del(container: Container): Promise<void> {
    this.#export(container);
    const result = atLeast(this.#list.cniVersion, "0.4.0") ? this.#results.get(container.id) : undefined;
    for (const plugin of this.#list.plugins.toReversed()) {
      await this.#call("DEL", container, plugin, result);
    }
    this.#results.delete(container.id);
  }

  #export({ id, netns }: Container): void {
    this.#shell.export({
      CNI_CONTAINERID: id,
      CNI_NETNS: netns,
      CNI_IFNAME: "eth0",
      CNI_PATH: "/opt/cni/bin",
    });
  }

  async #call(
    command: string,
    { capabilityArgs }: Container,
    plugin: JsonObject,
    result: unknown,
  ): Promise<string> {
    const type = String(plugin["type"]);
    const config = pluginConfig(this.#list, plugin, capabilityArgs, result);
    this.#host.writeFile(`${this.#directory}/${type}.json`, JSON.stringify(config));
    return this.#shell.time(`CNI_COMMAND=${command} /opt/cni/bin/${type} < ${type}.json`);
  }
}
