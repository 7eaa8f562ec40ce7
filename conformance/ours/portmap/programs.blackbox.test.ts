/** The programs that a call starts. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Host } from "../../harness/host/host.ts";
import { type Command, pluginEnvironment } from "../../harness/plugins/plugin-call.ts";
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

const cases: [Backend, "nft" | "legacy"][] = [
  ["nftables", "nft"],
  ["iptables", "nft"],
  ["iptables", "legacy"],
];

for (const [backend, flavour] of cases) {
  test(`${backend} (${flavour}): programs that ADD and DEL of thirty ports start`, beyondPeer, async (t) => {
    const host = await network(t);
    choose(host, flavour);
    const mappings = Array.from({ length: 30 }, (_, index) => tcp(8000 + index, 80));
    const setting: Call = { backend, mappings };
    /** These for each family, with iptables. */
    const forEach = (...kinds: ("save" | "restore")[]): string[] =>
      backend === "nftables"
        ? []
        : ["iptables", "ip6tables"].flatMap((name) => kinds.map((kind) => `${name}-${kind}`)).toSorted();
    const programs = (command: Command) => started(host, command, setting).toSorted();
    // The chains that it looks at are not there yet, so that it reads all.
    assert.deepEqual(programs("ADD"), forEach("restore", "restore", "save"));
    // It lists chains, which iptables-restore does as well.
    assert.deepEqual(programs("CHECK"), forEach("restore"));
    // With the last container it looks who else may need route_localnet.
    const whoElse = flavour === "legacy" ? ["iptables-restore"] : [];
    assert.deepEqual(programs("DEL"), [...forEach("restore"), ...whoElse].toSorted());
    // A second DEL finds no chain of the container, of which the kernel tells.
    assert.deepEqual(programs("DEL"), []);
    // One that reads and changes.
    assert.deepEqual(programs("ADD"), forEach("restore"));
  });
}
