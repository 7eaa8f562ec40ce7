/** What lies in CNI_PATH under the IPAM plugin's name is what works, whoever replaced it by what. */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { type Host, hostFor } from "../../harness/host/host.ts";
import { asObject, asString, type JsonObject, parse } from "../../harness/host/json.ts";
import { expectPeer, pluginFolder } from "../../harness/plugins/binaries.ts";
import { ensurePeer } from "../../harness/plugins/peers.ts";
import { type Command, type PluginResponse, pluginEnvironment } from "../../harness/plugins/plugin-call.ts";
import { resultAddresses } from "../../harness/plugins/result.ts";

const binDir = pluginFolder();
const bin = `${binDir}/bridge`;
const ours = `${binDir}/host-local`;
const peers = `${ensurePeer().binDir}/host-local`;

/** A folder of CNI_PATH, into which `install` puts a file as an administrator does. */
class Node {
  readonly host: Host;
  readonly folder: string;
  path: string;

  constructor(host: Host) {
    this.host = host;
    this.folder = host.tempDir();
    this.path = this.folder;
    host.addNetns("c1");
  }

  install(script: string, folder = this.folder): void {
    this.host.run("sh", ["-ec", script, "sh", ours, peers], { directory: folder });
  }

  /** One call, and the programs that were started in it, bridge first. */
  call(
    command: Command,
    more: JsonObject = {},
  ): Omit<PluginResponse, "json" | "signal"> & { programs: string[] } {
    const config = {
      cniVersion: "1.1.0",
      name: "net1",
      type: "bridge",
      bridge: "bridge0",
      ipam: { type: "host-local", ranges: [[{ subnet: "10.1.2.0/24" }]] },
      ...more,
    };
    const call = {
      command,
      containerId: "c1",
      netns: "/run/netns/c1",
      ifname: "eth0",
      path: this.path,
    };
    const trace = ["-f", "-qq", "-e", "trace=execve", "-o", "/run/test/trace", bin];
    const { status, stdout, stderr } = this.host.run("strace", trace, {
      input: JSON.stringify(config),
      env: pluginEnvironment(bin, call),
      check: false,
    });
    const text = this.host.readFile("/run/test/trace");
    const programs = [...text.matchAll(/ execve\("([^"]+)", .* = 0$/gm)].map(([, file = ""]) => file);
    assert.equal(programs.shift(), bin);
    return { status, stdout, stderr, programs };
  }

  /** ADD and DEL work; returns what was started in both. */
  round(more: JsonObject = {}): string[][] {
    const added = this.call("ADD", more);
    assert.deepEqual([added.status, added.stderr], [0, ""], added.stdout);
    assert.match(resultAddresses(asObject(parse(added.stdout))).join(), /^10\.1\.2\.\d+\/24$/);
    const deleted = this.call("DEL", more);
    assert.deepEqual([deleted.status, deleted.stdout, deleted.stderr], [0, "", ""]);
    return [added.programs, deleted.programs];
  }
}

/** A test with a node; the Go bridge starts whatever there is. */
function onNode(what: string, work: (node: Node, t: TestContext) => void): void {
  test(what, async (t) => {
    if (expectPeer) return;
    work(new Node(await hostFor(t)), t);
  });
}

const sameBuild: Record<string, string> = {
  "the file": 'ln "$1" host-local 2>/dev/null || cp "$1" host-local',
  "a copy": 'cp "$1" host-local',
  "a link": 'ln -s "$1" host-local',
  "a link to a link": 'ln -s "$1" one; ln -s one host-local',
};

for (const [what, script] of Object.entries(sameBuild)) {
  onNode(`${what} of the same build needs no process`, (node) => {
    node.install(script);
    assert.deepEqual(node.round(), [[], []]);
    assert.deepEqual(node.round({ ipamInProcess: true }), [[], []]);
    const file = `${node.folder}/host-local`;
    assert.deepEqual(node.round({ ipamInProcess: false }), [[file], [file]]);
  });
}

onNode("the same build under another name, which errors tell", (node) => {
  node.install('cp "$1" my-ipam');
  const ipam = { type: "my-ipam", subnet: "10.1.2.0/24" };
  assert.deepEqual(node.round({ ipam }), [[], []]);
  const { status, stdout, programs } = node.call("ADD", { ipam: { type: "my-ipam" } });
  assert.deepEqual([status, programs], [1, []]);
  assert.match(asString(asObject(parse(stdout))["details"]), /reported by IPAM plugin "my-ipam"/);
});

const others: Record<string, string> = {
  "the Go plugin": 'cp "$2" host-local',
  "a link to the Go plugin": 'ln -s "$2" host-local',
  // The end of the file says what it was built from.
  "another build":
    'cp "$1" host-local; size=$(stat -c %s host-local); printf cni-plugins-ts | dd of=host-local bs=1 seek=$((size - 100)) conv=notrunc status=none',
  "a longer file": 'cp "$1" host-local; echo >> host-local',
  "a script": 'printf "#!/bin/sh\\nexec %s\\n" "$1" > host-local; chmod 755 host-local',
};

for (const [what, script] of Object.entries(others)) {
  onNode(`replaced by ${what}: that is what runs, and back`, (node) => {
    node.install('ln -s "$1" host-local');
    assert.deepEqual(node.round(), [[], []]);
    node.install(`rm host-local; ${script}`);
    for (const [file] of node.round()) assert.equal(file, `${node.folder}/host-local`);
    node.install('rm host-local; ln -s "$1" host-local');
    assert.deepEqual(node.round(), [[], []]);
  });
}

onNode("replaced between ADD and DEL, in both directions", (node) => {
  const file = `${node.folder}/host-local`;
  for (const [first, second] of [
    ["$1", "$2"],
    ["$2", "$1"],
  ]) {
    node.install(`ln -sf "${first}" host-local`);
    const added = node.call("ADD");
    node.install(`ln -sf "${second}" host-local`);
    const deleted = node.call("DEL");
    assert.deepEqual([added.status, deleted.status], [0, 0], added.stdout + deleted.stdout);
    assert.deepEqual([...added.programs, ...deleted.programs], [file]);
    assert.deepEqual(node.host.run("sh", ["-c", "ls /var/lib/cni/networks/net1"]).stdout.trim().split("\n"), [
      "last_reserved_ip.0",
      "lock",
    ]);
  }
});

onNode("every command goes to the file that is there", (node) => {
  node.install(
    "printf '#!/bin/sh\\necho $CNI_COMMAND >> calls\\nexec %s\\n' \"$1\" > host-local; chmod 755 host-local",
  );
  const added = node.call("ADD");
  const prevResult = parse(added.stdout);
  node.call("CHECK", { prevResult });
  node.call("STATUS");
  node.call("GC", { "cni.dev/valid-attachments": [] });
  node.call("DEL");
  assert.equal(node.host.readFile("/run/empty/calls"), "ADD\nCHECK\nSTATUS\nGC\nDEL\n");
});

onNode("the first in CNI_PATH counts", (node) => {
  const second = node.host.tempDir();
  node.install('ln -s "$1" host-local', second);
  node.path = `${node.folder}:${second}`;
  assert.deepEqual(node.round(), [[], []]);
  node.install('ln -s "$2" host-local');
  const file = `${node.folder}/host-local`;
  assert.deepEqual(node.round(), [[file], [file]]);
});

const broken: Record<string, [script: string, msg: RegExp]> = {
  "not executable": ['cp "$1" host-local; chmod 644 host-local', /^cannot run IPAM plugin .*: EACCES$/],
  "cut off": ['head -c 1000 "$1" > host-local; chmod 755 host-local', /^cannot run IPAM plugin .*: ENOEXEC$/],
  empty: [": > host-local; chmod 755 host-local", /^cannot run IPAM plugin .*: ENOEXEC$/],
  "a folder": ["mkdir host-local", /^failed to find plugin "host-local" in path/],
  "a link that leads nowhere": ["ln -s nowhere host-local", /^failed to find plugin "host-local" in path/],
  "on a mount with noexec": [
    'mount -t tmpfs -o noexec none .; cd "$PWD"; cp "$1" host-local',
    /^cannot run IPAM plugin .*: EACCES$/,
  ],
};

for (const [what, [script, msg]] of Object.entries(broken)) {
  onNode(`${what}: an error as without ours inside, and nothing left`, (node) => {
    node.install(script);
    const answers = [{}, { ipamInProcess: false }].map((mode) => {
      const { status, stdout, programs } = node.call("ADD", mode);
      assert.deepEqual([status, programs], [1, []]);
      assert.match(asString(asObject(parse(stdout))["msg"]), msg);
      assert.equal(node.host.run("ip", ["-o", "link", "show", "type", "veth"]).stdout, "");
      return stdout;
    });
    assert.equal(answers[0], answers[1]);
  });
}
