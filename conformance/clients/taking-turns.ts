import assert from "node:assert/strict";
import { test } from "node:test";
import { type Host, hostFor } from "../harness/host/host.ts";
import { snapshot } from "../harness/host/snapshot.ts";
import { pluginFolder } from "../harness/plugins/binaries.ts";
import { type ChainStep, listResult, runList } from "../harness/plugins/chain.ts";
import { atLeast, type Conflist, conflistFiles, readConflist } from "../harness/plugins/conflist.ts";
import { assertNothingLeft } from "../harness/plugins/leaks.ts";
import { mixedFolder } from "../harness/plugins/mix.ts";

const capabilityArgs = {
  portMappings: [
    { hostPort: 8080, containerPort: 80, protocol: "tcp" },
    { hostPort: 5353, containerPort: 53, protocol: "udp" },
  ],
};

type Turn = {
  name: string;
  list: Conflist;
  /** Whether a plugin is ours when the container is attached, and when it is checked and detached. */
  first: (plugin: string) => boolean;
  second: (plugin: string) => boolean;
};

const nobody = (): boolean => false;
const everybody = (): boolean => true;

/** All configurations of the fixtures, attached by one maker, checked and detached by the other. */
export function wholeTurns(): Turn[] {
  return conflistFiles()
    .filter((name) => name !== "kubernetes-nftables.conflist")
    .flatMap((file) => {
      const list = readConflist(file);
      return [
        { name: `${file}: added by the Go plugins, ended by ours`, list, first: nobody, second: everybody },
        { name: `${file}: added by ours, ended by the Go plugins`, list, first: everybody, second: nobody },
      ];
    });
}

/** One plugin goes over while a container runs, or back. */
export function singleTurns(plugins: readonly string[]): Turn[] {
  const list = readConflist("nerdctl-bridge.conflist");
  return plugins.flatMap((one) => {
    const only = (plugin: string): boolean => plugin === one;
    return [
      { name: `after an ADD, ${one} alone becomes ours`, list, first: nobody, second: only },
      { name: `after an ADD, ${one} alone goes back to Go`, list, first: only, second: nobody },
    ];
  });
}

/** A test for each turn with the Go plugins of a folder: CHECK passes, and DEL leaves nothing. */
export function testTurns(peers: string, turns: readonly Turn[]): void {
  const ours = pluginFolder();
  for (const { name, list, first, second } of turns) {
    test(name, async (t) => {
      const host = await hostFor(t);
      const attachment = { containerId: "c1", netns: host.addNetns("c1"), ifname: "eth0", capabilityArgs };
      const adder = mixedFolder(host, (plugin) => (first(plugin) ? ours : peers));
      const other = mixedFolder(host, (plugin) => (second(plugin) ? ours : peers));
      const before = snapshot(host);

      const result = listResult(runList(host, (type) => `${adder}/${type}`, list, "ADD", attachment));
      const ended = (step: ChainStep) => `${step.plugin}: ${step.response.stdout}${step.response.stderr}`;
      const commands = atLeast(list.cniVersion, "0.4.0")
        ? (["CHECK", "DEL", "DEL"] as const)
        : (["DEL", "DEL"] as const);
      for (const command of commands) {
        const steps = runList(host, (type) => `${other}/${type}`, list, command, attachment, result);
        assert.deepEqual(
          steps.map(ended),
          steps.map((step) => `${step.plugin}: `),
          command,
        );
        assert.equal(steps.at(-1)?.response.status, 0, command);
        if (command !== "DEL") continue;
        if (first("firewall") && !second("firewall")) forgetRecords(host);
        if (first("portmap") && !second("portmap")) forgetGuard(host);
        if (first("host-local") && !second("host-local")) forgetOwners(host);
        assertNothingLeft(host, before, list.bridge, "after DEL");
      }
    });
  }
}

/**
 * Our firewall keeps a record of whose address it let through. The Go plugin cannot know of it; it does no harm, and
 * goes when the address has another owner, with GC, or at the next boot.
 */
function forgetRecords(host: Host): void {
  host.run("rm", ["-rf", "/run/cni/firewall"]);
}

/**
 * Our portmap keeps containers from the host's 127.0.0.1. The Go plugin leaves the setting that opens it, and this with
 * it; both go with the next DEL or GC of ours.
 */
function forgetGuard(host: Host): void {
  host.run("nft", ["delete", "table", "ip", "cni_localhost"], { check: false });
}

/** Our host-local keeps an index of its leases. After work of the Go plugin its next call makes it anew. */
function forgetOwners(host: Host): void {
  // One of the configurations has a dataDir of its own.
  host.run("rm", ["-rf", ...["/var/lib/cni/networks", "/run/ipam-state"].map((dir) => `${dir}/.host-local`)]);
}
