/** The programs that a call starts. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Host } from "../../harness/host.ts";
import { type Command, pluginEnvironment } from "../../harness/plugin-call.ts";
import { type Backend, type Call, configOf, network } from "./network.ts";
import { beyondPeer, choose, ours, tcp } from "./setting.ts";

/** The programs that a call starts, by their names. */
function started(host: Host, command: Command, setting: Call): string[] {
  const trace = `${host.tempDir()}/trace`;
  const environment = { command, containerId: "c1", netns: "/run/netns/c1", ifname: "eth0" };
  const options = ["-f", "-qq", "-o", trace, "-e", "trace=execve", "-e", "status=successful"];
  host.run("strace", [...options, ours], {
    input: JSON.stringify(configOf(setting)),
    env: pluginEnvironment(ours, environment),
  });
  const paths = [...host.readFile(trace).matchAll(/execve\("([^"]+)"/g)].map(([, path = ""]) => path);
  return paths.slice(1).map((path) => path.slice(path.lastIndexOf("/") + 1));
}

/** Reading the table and changing it, for each family. */
const once = ["iptables-save", "iptables-restore", "ip6tables-save", "ip6tables-restore"];

const cases: [Backend, "nft" | "legacy", readonly string[]][] = [
  ["nftables", "nft", []],
  ["iptables", "nft", once],
  ["iptables", "legacy", once],
];

for (const [backend, flavour, programs] of cases) {
  test(`${backend} (${flavour}): programs that ADD and DEL of thirty ports start`, beyondPeer, async (t) => {
    const host = await network(t);
    choose(host, flavour);
    const mappings = Array.from({ length: 30 }, (_, index) => tcp(8000 + index, 80));
    const setting: Call = { backend, mappings };
    const reads = programs.filter((name) => name.endsWith("-save"));
    assert.deepEqual(started(host, "ADD", setting).toSorted(), programs.toSorted());
    assert.deepEqual(started(host, "CHECK", setting).toSorted(), reads.toSorted());
    const changes = programs.filter((name) => name.endsWith("-restore"));
    const removing = flavour === "legacy" ? programs : changes;
    assert.deepEqual(started(host, "DEL", setting).toSorted(), removing.toSorted());
    // Whether a chain is there the kernel only tells of nf_tables.
    const looks = flavour === "legacy" ? reads : [];
    assert.deepEqual(started(host, "DEL", setting).toSorted(), looks.toSorted());
  });
}
