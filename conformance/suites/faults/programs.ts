import type { JsonObject } from "../../harness/host/json.ts";
import type { Scenario, Step } from "../../scenario/scenario.ts";
import { unplugged } from "../bridge/parts.ts";
import { hideIptables, showIptables } from "../hidden-iptables.ts";
import { bridge, error, lease, result, same } from "./parts.ts";

/** A program in place of an IPAM plugin, by its script. */
const ipamScript = (script: string): Step => ({
  write: "/run/ipam/fake",
  content: `#!/bin/sh\n${script}\n`,
  mode: 0o755,
});
const withFake = { ...bridge, ipam: { type: "fake" } };
const fakePath = `\${bin}:/run/ipam`;

const ipamFails = (name: string, script: string): Scenario => ({
  name: `an IPAM plugin that ${name}`,
  plugin: "bridge",
  source: "SPEC 1.1.0, section 2, ADD: a failed ADD must not leave anything; section 5: errors are passed on",
  steps: [
    ipamScript(script),
    { call: "ADD", config: withFake, path: fakePath, expect: error },
    same,
    unplugged(),
  ],
});

const withoutIptables = (plugin: string, config: JsonObject, prevResult?: JsonObject): Scenario => ({
  name: `${plugin} without iptables`,
  plugin,
  source: "SPEC 1.1.0, section 2, ADD: a failed ADD must not leave anything; section 5, Error: msg",
  needs: ["iptables"],
  steps: [
    hideIptables,
    {
      call: "ADD",
      config,
      ...(prevResult !== undefined && { prevResult }),
      expect: { error: { names: "iptables" } },
    },
    showIptables,
    same,
    unplugged(),
  ],
});

/** What holds when another program is not there, or fails. */
export const programs: readonly Scenario[] = [
  ipamFails("fails", `echo '{"cniVersion": "1.1.0", "code": 11, "msg": "try again later"}'; exit 1`),
  ipamFails("fails without a word", "exit 1"),
  ipamFails("prints what is no result", "echo hello"),
  ipamFails("prints nothing", "exit 0"),
  ipamFails("is killed", "kill -9 $$"),
  ipamFails("gives no address", `[ "$CNI_COMMAND" = DEL ] || echo '{"cniVersion": "1.1.0", "ips": []}'`),
  ipamFails(
    "gives an address that is none",
    `[ "$CNI_COMMAND" = DEL ] || echo '{"cniVersion": "1.1.0", "ips": [{"address": "10.0.0.300/24"}]}'`,
  ),
  {
    name: "an IPAM plugin that cannot be found",
    plugin: "bridge",
    source: "SPEC 1.1.0, section 4, Plugin Delegation: the executable is searched in CNI_PATH",
    steps: [
      {
        call: "ADD",
        config: { ...bridge, ipam: { type: "nowhere" } },
        expect: { error: { names: "nowhere" } },
      },
      same,
    ],
  },
  {
    name: "an IPAM plugin that is no program",
    plugin: "bridge",
    source: "SPEC 1.1.0, section 4, Plugin Delegation",
    steps: [
      { write: "/run/ipam/fake", content: "not a program", mode: 0o755 },
      { call: "ADD", config: withFake, path: fakePath, expect: error },
      same,
    ],
  },
  withoutIptables("bridge", { ...bridge, ...lease(), ipMasq: true, ipMasqBackend: "iptables" }),
  withoutIptables("firewall", { backend: "iptables" }, result),
];
