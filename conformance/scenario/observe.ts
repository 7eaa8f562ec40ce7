import { existsSync } from "node:fs";
import { ipJson } from "../harness/host/inspect.ts";
import { isObject } from "../harness/host/json.ts";
import { sections, snapshot } from "../harness/host/snapshot.ts";
import type { PluginResponse } from "../harness/plugins/plugin-call.ts";
import type { Observation, World } from "./world.ts";

/** What can be seen after a call: its answer, and what the host and the containers are like. */
export function observed(world: World, what: string, response: PluginResponse): Observation {
  const count = world.observations.filter(
    (other) => other.what === what || other.what.startsWith(`${what} (`),
  ).length;
  const name = count === 0 ? what : `${what} (${count + 1})`;
  const state = world.observe === "all" ? stateLines(world) : [];
  if (response.status === 0) return { what: name, outcome: "success", result: response.json, state };
  const { code, msg } = isObject(response.json) ? response.json : {};
  return { what: name, outcome: "error", code, msg, state };
}

function stateLines(world: World): string[] {
  const taken = snapshot(world.host);
  const host = sections.flatMap((section) => taken[section].map((line) => `${section}: ${line}`));
  return [...host, ...world.containers.flatMap((container) => containerLines(world, container))];
}

function containerLines({ host }: World, netns: string): string[] {
  if (!existsSync(host.outside(`/run/netns/${netns}`))) return [];
  const links = ipJson(host, ["address"], netns).map((link) => {
    const addresses = Array.isArray(link["addr_info"])
      ? link["addr_info"].filter(isLasting).map(addressText)
      : [];
    return `${netns} link: ${link["ifname"]} mtu ${link["mtu"]} ${link["operstate"]} ${addresses.join(" ")}`;
  });
  const routes = ["-4", "-6"].flatMap((family) =>
    ipJson(host, [family, "route"], netns)
      .filter(({ dst }) => !String(dst).startsWith("fe80:"))
      .map(
        ({ dst, gateway, dev, prefsrc, metric, mtu }) =>
          `${netns} route: ${JSON.stringify({ dst, gateway, dev, prefsrc, metric, mtu })}`,
      ),
  );
  return [...links, ...routes].sort();
}

function isLasting(address: unknown): boolean {
  return isObject(address) && !(address["family"] === "inet6" && address["scope"] === "link");
}

function addressText(address: unknown): string {
  return isObject(address) ? `${address["local"]}/${address["prefixlen"]}` : "";
}
