/** firewall's rules are those of the Go plugin, line by line, and each ends what the other began. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type Host, hostFor } from "../../harness/host/host.ts";
import { asObject, type JsonObject } from "../../harness/host/json.ts";
import { waitUntil } from "../../harness/host/wait.ts";
import { pluginFolder } from "../../harness/plugins/binaries.ts";
import { ensurePeer } from "../../harness/plugins/peers.ts";
import {
  type Command,
  callPlugin,
  callPluginAsync,
  type PluginResponse,
} from "../../harness/plugins/plugin-call.ts";
import { isUnreachable, serveHttp } from "../../harness/traffic/traffic.ts";

const ours = `${pluginFolder()}/firewall`;
const peers = `${ensurePeer().binDir}/firewall`;

/** One container: what the plugin is told about it. */
type Attachment = {
  id?: string;
  ips?: string[];
  bridge?: string | null;
  keys?: JsonObject;
  network?: string;
  prevResult?: boolean;
};

function configOf({ ips = ["10.0.0.2/24"], bridge = "cni0", ...rest }: Attachment): JsonObject {
  const interfaces = bridge === null ? [] : [{ name: bridge }, { name: "eth0", sandbox: "/run/netns/c1" }];
  const prevResult = { cniVersion: "1.1.0", interfaces, ips: ips.map((address) => ({ address })) };
  return {
    ...{ cniVersion: "1.1.0", name: rest.network ?? "mynet", type: "firewall", ...rest.keys },
    ...(rest.prevResult === false ? {} : { prevResult }),
  };
}

function environmentOf(command: Command, { id = "c1" }: Attachment) {
  return command === "GC" || command === "STATUS"
    ? { command }
    : { command, containerId: id, netns: `/run/netns/${id}`, ifname: "eth0" };
}

function call(host: Host, bin: string, command: Command, attachment: Attachment = {}): PluginResponse {
  return callPlugin(host, bin, environmentOf(command, attachment), configOf(attachment));
}

function succeed(host: Host, bin: string, command: Command, attachment: Attachment = {}): PluginResponse {
  const response = call(host, bin, command, attachment);
  assert.equal(response.status, 0, `${command}: ${response.stdout}${response.stderr}`);
  assert.equal(response.stderr, "", command);
  return response;
}

/** Fails with the spec's error object; returns it. */
function refuse(host: Host, command: Command, attachment: Attachment): { code: unknown; msg: string } {
  const { status, stderr, json } = call(host, ours, command, attachment);
  assert.equal(status, 1);
  assert.equal(stderr, "");
  const { code, msg } = asObject(json);
  return { code, msg: String(msg) };
}

/** Table filter as iptables-save prints it, without its comments and counters. */
function saved(host: Host, tool: "iptables" | "ip6tables" = "iptables"): string[] {
  const { stdout } = host.run(`${tool}-save`, ["-t", "filter"]);
  return stdout
    .split("\n")
    .filter((line) => /^[:-]/.test(line))
    .map((line) => line.replace(/ \[\d+:\d+\]$/, ""));
}

function bothSaved(host: Host): string[] {
  return [...saved(host), ...saved(host, "ip6tables")];
}

function records(host: Host): string[] {
  const { stdout } = host.run("find", ["/run/cni", "-type", "f"]);
  return stdout.split("\n").filter((line) => line !== "");
}

type Flavour = "nft" | "legacy";

/** Which program the host's `iptables` is; the machine's own choice is not touched. */
function useInstead(host: Host, tool: string, program: string): void {
  host.run("ln", ["-sfn", program, `/etc/alternatives/${tool}`]);
}

async function hostWith(t: Parameters<typeof hostFor>[0], flavour: Flavour): Promise<Host> {
  const host = await hostFor(t);
  for (const tool of ["iptables", "ip6tables"]) {
    for (const part of ["", "-save", "-restore"]) {
      useInstead(host, `${tool}${part}`, `/usr/sbin/${tool}-${flavour}${part}`);
    }
  }
  for (const id of ["c1", "c2", "c3", "c4"]) host.addNetns(id);
  return host;
}

const policy = (ingressPolicy: string): JsonObject => ({ ingressPolicy });
const v6 = "2001:db8:1::2/64";

/** Attachments that are made one after the other; the last one is checked and removed. */
const settings: Record<string, Attachment[]> = {
  open: [{}],
  "policy open": [{ keys: policy("open") }],
  "open, IPv6": [{ ips: [v6] }],
  "open, both families": [{ ips: ["10.0.0.2/24", v6] }],
  "open, several addresses": [{ ips: [v6, "10.0.0.2/24", "10.9.0.2/16", "2001:db8:2:0:1::/64"] }],
  "an IPv4-mapped address": [{ ips: ["::ffff:10.0.0.2/120"] }],
  "an unknown backend": [{ keys: { backend: "foo" } }],
  "no addresses": [{ ips: [], keys: policy("isolated") }],
  "two containers": [{}, { id: "c2", ips: ["10.0.0.3/24"] }],
  "an admin chain, then the default one": [
    { keys: { iptablesAdminChainName: "MY-ADMIN" } },
    { id: "c2", ips: ["10.0.0.3/24"], network: "other" },
  ],
  "same-bridge": [{ keys: policy("same-bridge") }],
  "same-bridge, IPv6": [{ keys: policy("same-bridge"), ips: [v6] }],
  "same-bridge, both families": [{ keys: policy("same-bridge"), ips: ["10.0.0.2/24", v6] }],
  "same-bridge, two IPv4 addresses": [{ keys: policy("same-bridge"), ips: ["10.0.0.2/24", "10.0.1.2/24"] }],
  isolated: [{ keys: policy("isolated") }],
  "isolated, both families": [{ keys: policy("isolated"), ips: ["10.0.0.2/24", v6] }],
  "isolated after open": [{}, { id: "c2", ips: ["10.0.0.3/24"], keys: policy("isolated") }],
  "several bridges": [
    { keys: policy("isolated") },
    { id: "c2", ips: ["10.0.1.2/24"], bridge: "cni1", keys: policy("same-bridge") },
    { id: "c3", ips: ["10.0.2.2/24", v6], bridge: "cni2", keys: policy("isolated") },
    { id: "c4", ips: ["10.0.1.3/24"], bridge: "cni1", keys: policy("same-bridge") },
  ],
  "a bridge with special characters": [{ bridge: "br-0.1@x#$%", keys: policy("isolated") }],
};

const others = [
  ["-A", "FORWARD", "-j", "DROP"],
  ["-N", "CNI-ADMIN"],
  ["-A", "CNI-ADMIN", "-p", "tcp", "-j", "ACCEPT"],
  ["-N", "CNI-FORWARD"],
  ["-A", "CNI-FORWARD", "-m", "comment", "--comment", "preexisting", "-j", "RETURN"],
];

for (const flavour of ["nft", "legacy"] as const) {
  for (const [name, attachments] of Object.entries(settings)) {
    for (const amongOthers of name === "same-bridge" ? [false, true] : [false]) {
      test(`${flavour}: ${name}${amongOthers ? " among rules of others" : ""}`, async (t) => {
        const host = await hostWith(t, flavour);
        const other = await hostWith(t, flavour);
        for (const rule of amongOthers ? others : []) {
          host.run("iptables", rule);
          other.run("iptables", rule);
        }
        for (const attachment of attachments) {
          const { stdout } = succeed(host, ours, "ADD", attachment);
          assert.deepEqual(JSON.parse(stdout), JSON.parse(succeed(other, peers, "ADD", attachment).stdout));
        }
        assert.deepEqual(bothSaved(host), bothSaved(other));

        for (const attachment of attachments) {
          succeed(host, ours, "ADD", attachment);
          succeed(host, ours, "CHECK", attachment);
          succeed(host, peers, "CHECK", attachment);
          succeed(other, ours, "CHECK", attachment);
        }
        assert.deepEqual(bothSaved(host), bothSaved(other), "a second ADD and CHECK change nothing");

        const last = attachments.at(-1) ?? {};
        for (const when of ["first", "second"]) {
          succeed(host, peers, "DEL", last);
          succeed(other, ours, "DEL", last);
          assert.deepEqual(bothSaved(other), bothSaved(host), `after the ${when} DEL`);
        }
        for (const attachment of attachments) succeed(other, ours, "DEL", attachment);
        assert.deepEqual(
          bothSaved(other).filter((line) => line.includes("-s ") || line.includes("-d ")),
          [],
        );
      });
    }
  }
}

test("without addresses of a family its programs are not needed", async (t) => {
  const host = await hostWith(t, "nft");
  for (const part of ["", "-save", "-restore"]) useInstead(host, `ip6tables${part}`, "/nowhere");
  for (const command of ["ADD", "CHECK", "DEL", "STATUS"] as const) succeed(host, ours, command);
});

test("DEL without prevResult removes what ADD made, also when the namespace is gone", async (t) => {
  const host = await hostWith(t, "nft");
  const both: Attachment = { ips: ["10.0.0.2/24", v6] };
  succeed(host, ours, "ADD", { id: "c2", ips: ["10.0.0.3/24"] });
  const before = saved(host);
  succeed(host, ours, "ADD", both);
  assert.equal(records(host).length, 2 * 3, "a record and a mark for each address");
  host.delNetns("c1");
  succeed(host, ours, "DEL", { prevResult: false });
  assert.deepEqual(saved(host), before);
  assert.ok(!saved(host, "ip6tables").some((line) => line.includes("2001:")));
  assert.equal(records(host).length, 2);
  succeed(host, ours, "DEL", { prevResult: false });
});

/** A lease as host-local writes it. */
function lease(host: Host, address: string, text: string): void {
  host.run("mkdir", ["-p", "/var/lib/cni/networks/mynet"]);
  host.writeFile(`/var/lib/cni/networks/mynet/${address}`, text);
}

/** An interface of a container that has given itself an address. */
function selfGiven(host: Host, netns: string, address: string): void {
  host.run("ip", ["link", "add", "eth0", "netns", netns, "type", "veth", "peer", "name", `of-${netns}`]);
  host.run("ip", ["address", "add", address, "dev", "eth0"], { netns });
}

test("DEL without prevResult removes what the Go plugin made for the leased addresses", async (t) => {
  const host = await hostWith(t, "nft");
  succeed(host, peers, "ADD", { id: "c2", ips: ["10.0.0.3/24"] });
  lease(host, "10.0.0.3", "c2\r\neth0");
  succeed(host, peers, "ADD", { id: "c2", ips: ["2001:db8:1::9/64"] });
  const before = bothSaved(host);
  succeed(host, peers, "ADD", { ips: ["10.0.0.2/24", v6] });
  lease(host, "10.0.0.2", "c1\r\neth0");
  lease(host, v6.replace(/\/.*/, ""), "c1\r\neth0\n");
  lease(host, "last_reserved_ip.0", "10.0.0.3");
  host.run("mkfifo", ["/var/lib/cni/networks/mynet/10.0.0.9"]);
  host.delNetns("c1");
  succeed(host, ours, "DEL", { prevResult: false });
  assert.deepEqual(bothSaved(host), before);
});

test("addresses that a container has given itself are not its own", async (t) => {
  const host = await hostWith(t, "nft");
  succeed(host, peers, "ADD", { id: "c2", ips: ["10.0.0.3/24"] });
  const before = bothSaved(host);
  selfGiven(host, "c1", "10.0.0.3/24");
  succeed(host, ours, "DEL", { prevResult: false });
  assert.deepEqual(bothSaved(host), before, "without leases");
  lease(host, "10.0.0.3", "c2\r\neth0");
  succeed(host, peers, "ADD");
  lease(host, "10.0.0.2", "c1\r\neth0");
  succeed(host, ours, "DEL", { prevResult: false });
  assert.deepEqual(bothSaved(host), before, "with leases");
});

test("a late DEL does not cut off the address's new owner that the Go plugin has attached", async (t) => {
  const host = await hostWith(t, "nft");
  succeed(host, peers, "ADD", { id: "c2" });
  const before = bothSaved(host);
  for (const text of ["c2\r\neth0", "c1\r\neth1", "c2"]) {
    lease(host, "10.0.0.2", text);
    succeed(host, ours, "DEL");
    assert.deepEqual(bothSaved(host), before, text);
  }
  lease(host, "10.0.0.2", "c1\r\neth0");
  succeed(host, ours, "DEL");
  assert.ok(!saved(host).some((line) => line.includes("10.0.0.2")));
});

test("DEL removes duplicates", async (t) => {
  const host = await hostWith(t, "nft");
  succeed(host, ours, "ADD");
  host.run("iptables", ["-A", "CNI-FORWARD", "-s", "10.0.0.2/32", "-j", "ACCEPT"]);
  succeed(host, ours, "DEL");
  assert.ok(!saved(host).some((line) => line.includes("10.0.0.2")));
});

test("a late DEL does not cut off the address's new owner", async (t) => {
  const host = await hostWith(t, "nft");
  const next: Attachment = { id: "c2" };
  succeed(host, ours, "ADD");
  succeed(host, ours, "ADD", next);
  for (const late of [{}, { prevResult: false }, {}]) {
    succeed(host, ours, "DEL", late);
    succeed(host, ours, "CHECK", next);
  }
  succeed(host, ours, "DEL", next);
  assert.ok(!saved(host).some((line) => line.includes("10.0.0.2")));
  assert.deepEqual(records(host), []);
});

test("an ADD with other addresses, then a DEL that knows only those: nothing of the first is left", async (t) => {
  const host = await hostWith(t, "nft");
  const other: Attachment = { id: "c2", ips: ["10.0.0.3/24"] };
  succeed(host, ours, "ADD", other);
  const keys = policy("same-bridge");
  succeed(host, ours, "ADD", { ips: ["10.0.0.2/24", v6], keys });
  succeed(host, ours, "ADD", { ips: ["10.0.0.7/24"], keys });
  succeed(host, ours, "DEL", { ips: ["10.0.0.7/24"], keys });
  const isOf = (line: string) => /10\.0\.0\.[27]|2001:db8|cni0/.test(line);
  assert.deepEqual(bothSaved(host).filter(isOf), []);
  succeed(host, ours, "CHECK", other);
  succeed(host, ours, "DEL", other);
  assert.deepEqual(records(host), []);
});

test("an owner that the Go plugin has ended does not hold the address", async (t) => {
  const host = await hostWith(t, "nft");
  succeed(host, ours, "ADD");
  succeed(host, peers, "DEL");
  host.delNetns("c1");
  succeed(host, peers, "ADD", { id: "c2" });
  succeed(host, ours, "DEL", { id: "c2" });
  assert.ok(!saved(host).some((line) => line.includes("10.0.0.2")));
  assert.deepEqual(records(host), []);
});

test("GC removes what is not listed, of its network only", async (t) => {
  const host = await hostWith(t, "nft");
  const kept: Attachment[] = [
    { id: "c1", ips: ["10.0.0.2/24"] },
    { id: "c2", ips: ["10.0.0.3/24"], network: "other" },
  ];
  for (const attachment of kept) succeed(host, ours, "ADD", attachment);
  succeed(host, ours, "ADD", { id: "c3", ips: ["10.0.0.4/24"] });
  succeed(host, ours, "ADD", { id: "c4", ips: ["10.0.0.5/24", v6] });
  const valid = [{ containerID: "c1", ifname: "eth0" }];
  succeed(host, ours, "GC", { prevResult: false, keys: { "cni.dev/valid-attachments": valid } });
  for (const attachment of kept) succeed(host, ours, "CHECK", attachment);
  assert.deepEqual(
    records(host)
      .map((file) => file.replace(/.*\//, ""))
      .sort(),
    [".of-mynet_c1_eth0_10.0.0.2", ".of-other_c2_eth0_10.0.0.3", "10.0.0.2", "10.0.0.3"],
  );
  for (const gone of ["10.0.0.4", "10.0.0.5", "2001:db8"]) {
    assert.ok(!bothSaved(host).some((line) => line.includes(gone)), gone);
  }
});

test("a bridge that changes its policy has the last one only", async (t) => {
  const host = await hostWith(t, "nft");
  const changed = await hostWith(t, "nft");
  succeed(changed, ours, "ADD", { keys: policy("isolated") });
  for (const one of [host, changed]) succeed(one, ours, "ADD", { keys: policy("same-bridge") });
  assert.deepEqual(saved(changed), saved(host));
});

test("isolation is not bypassed when the jump to CNI-FORWARD was lost", async (t) => {
  const host = await hostWith(t, "nft");
  const isolated: Attachment = { keys: policy("isolated") };
  const open: Attachment = { id: "c2", ips: ["10.0.0.3/24"] };
  succeed(host, ours, "ADD", isolated);
  succeed(host, ours, "ADD", open);
  const complete = saved(host);
  const rule = ["FORWARD", "-m", "comment", "--comment", "CNI firewall plugin rules", "-j", "CNI-FORWARD"];
  host.run("iptables", ["-D", ...rule]);
  const { code, msg } = refuse(host, "CHECK", isolated);
  assert.equal(code, 105);
  assert.match(
    msg,
    /^expected FORWARD rule \[-m comment --comment CNI firewall plugin rules -j CNI-FORWARD\]/,
  );
  succeed(host, ours, "ADD", open);
  assert.deepEqual(saved(host), complete);

  // The Go plugin's order after the same accident.
  host.run("iptables", ["-D", ...rule]);
  host.run("iptables", ["-I", ...rule]);
  assert.match(refuse(host, "CHECK", isolated).msg, /isolation is bypassed/);
  succeed(host, ours, "ADD", isolated);
  assert.deepEqual(saved(host), complete);
});

test("CHECK names what is missing and makes nothing", async (t) => {
  const host = await hostWith(t, "nft");
  const before = bothSaved(host);
  const { code, msg } = refuse(host, "CHECK", {});
  assert.equal(code, 105);
  assert.match(msg, /^expected FORWARD rule/);
  assert.deepEqual(bothSaved(host), before);
});

test("CHECK sees that a policy is not in force: a rule that is missing, packets that do not come to iptables", async (t) => {
  const host = await hostWith(t, "nft");
  const both: Attachment = { ips: ["10.0.0.2/24", v6], keys: policy("isolated") };
  succeed(host, ours, "ADD", both);
  const complete = bothSaved(host);
  for (const stage of ["1", "2"]) {
    const rules = saved(host).filter((line) => line.startsWith(`-A CNI-ISOLATION-STAGE-${stage} `));
    for (const rule of rules) {
      const [, chain = "", ...rest] = rule.match(/"[^"]*"|\S+/g) ?? [];
      host.run("iptables", ["-D", chain, ...rest.map((part) => part.replaceAll('"', ""))]);
      const before = bothSaved(host);
      const { code, msg } = refuse(host, "CHECK", both);
      assert.equal(code, 105);
      assert.match(msg, new RegExp(`^expected ${chain} rule`));
      succeed(host, peers, "CHECK", both);
      assert.deepEqual(bothSaved(host), before, "CHECK makes nothing");
      succeed(host, ours, "ADD", both);
      // Two rules of stage 1, of which no packet matches both, may have changed places.
      assert.deepEqual(bothSaved(host).toSorted(), complete.toSorted(), "the next ADD does");
    }
  }
  for (const name of ["iptables", "ip6tables"]) {
    host.run("sysctl", ["-qw", `net.bridge.bridge-nf-call-${name}=0`]);
    const { code, msg } = refuse(host, "CHECK", both);
    assert.equal(code, 105);
    assert.match(msg, new RegExp(`^bridge cni0 is not isolated: .*bridge-nf-call-${name} is 0`));
    succeed(host, ours, "CHECK", { ips: both.ips ?? [] });
    host.run("sysctl", ["-qw", `net.bridge.bridge-nf-call-${name}=1`]);
  }
  succeed(host, ours, "CHECK", both);
});

test("twelve first ADDs at once make each shared rule once", async (t) => {
  const host = await hostWith(t, "nft");
  const attachments = Array.from({ length: 12 }, (_, index): Attachment => {
    const ips = [`10.0.0.${index + 2}/24`, `2001:db8:1::${index + 2}/64`];
    return { id: `p${index}`, ips, keys: policy("isolated") };
  });
  const responses = await Promise.all(
    attachments.map((one) => callPluginAsync(host, ours, environmentOf("ADD", one), configOf(one))),
  );
  for (const { status, stdout } of responses) assert.equal(status, 0, stdout);
  for (const lines of [saved(host), saved(host, "ip6tables")]) {
    assert.equal(new Set(lines).size, lines.length, lines.join("\n"));
    assert.equal(lines.filter((line) => line.startsWith("-A CNI-FORWARD")).length, 1 + 12 * 2);
  }
  for (const attachment of attachments) succeed(host, ours, "CHECK", attachment);
});

test("what cannot work changes nothing", async (t) => {
  const host = await hostWith(t, "nft");
  const before = bothSaved(host);
  const refused: [number, RegExp, Attachment][] = [
    [101, /^cannot connect to the D-Bus system bus at/, { keys: { backend: "firewalld" } }],
    [6, /backend/, { keys: { backend: 5 } }],
    [7, /^unknown ingress policy: "foo"/, { keys: policy("foo") }],
    [
      7,
      /interface needs to be set for ingress policy "isolated"/,
      { keys: policy("isolated"), bridge: null },
    ],
    [7, /bridge name/, { keys: policy("isolated"), bridge: "cni+" }],
    [7, /iptablesAdminChainName/, { keys: { iptablesAdminChainName: "A".repeat(29) } }],
    [7, /iptablesAdminChainName/, { keys: { iptablesAdminChainName: "ACCEPT" } }],
    [7, /dataDir/, { keys: { dataDir: "here" } }],
    [7, /prevResult/, { prevResult: false }],
  ];
  for (const [code, pattern, attachment] of refused) {
    const error = refuse(host, "ADD", attachment);
    assert.equal(error.code, code, error.msg);
    assert.match(error.msg, pattern);
    assert.deepEqual(bothSaved(host), before);
    assert.deepEqual(records(host), []);
    succeed(host, ours, "DEL", attachment);
    succeed(host, ours, "DEL", { ...attachment, prevResult: false });
  }
});

test("a record that cannot be kept fails the ADD", async (t) => {
  const host = await hostWith(t, "nft");
  const before = bothSaved(host);
  const attachment: Attachment = { keys: { dataDir: "/proc/nothing" } };
  const { code, msg } = refuse(host, "ADD", attachment);
  assert.equal(code, 5);
  assert.match(msg, /^cannot make \/proc\/nothing\//);
  assert.deepEqual(bothSaved(host), before);
  succeed(host, ours, "DEL", attachment);
  host.run("mkdir", ["/run/full"]);
  host.run("mount", ["-t", "tmpfs", "-o", "ro", "tmpfs", "/run/full"]);
  const readOnly: Attachment = { keys: { dataDir: "/run/full/firewall" } };
  assert.equal(refuse(host, "ADD", readOnly).code, 5);
  const status = refuse(host, "STATUS", readOnly);
  assert.equal(status.code, 50);
  assert.match(status.msg, /^cannot keep records in \/run\/full\/firewall: .*EROFS/);
  succeed(host, ours, "STATUS", { keys: { ...readOnly.keys, backend: "nftables" } });
});

test("iptables that is missing, or fails for one family, leaves the host as it was", async (t) => {
  const host = await hostWith(t, "nft");
  host.run("iptables", ["-A", "FORWARD", "-j", "DROP"]);
  const before = saved(host);
  const both: Attachment = { ips: ["10.0.0.2/24", v6], keys: policy("isolated") };

  host.writeFile("/run/ip6tables-restore", "#!/bin/sh\necho no such luck >&2\nexit 1\n", 0o755);
  useInstead(host, "ip6tables-restore", "/run/ip6tables-restore");
  const failed = refuse(host, "ADD", both);
  assert.equal(failed.code, 102);
  assert.match(failed.msg, /no such luck/);
  assert.deepEqual(saved(host), before);
  assert.deepEqual(records(host), []);

  useInstead(host, "ip6tables", "/nowhere");
  const missing = refuse(host, "ADD", both);
  assert.equal(missing.code, 101);
  assert.match(missing.msg, /^ip6tables not found/);
  assert.deepEqual(saved(host), before);
  assert.deepEqual(records(host), []);
  succeed(host, ours, "DEL", both);

  useInstead(host, "iptables", "/nowhere");
  const named: Attachment = { keys: { backend: "iptables" } };
  assert.equal(refuse(host, "ADD", named).code, 101);
  assert.equal(refuse(host, "STATUS", named).code, 50);
  succeed(host, ours, "DEL", both);
  succeed(host, ours, "DEL", { prevResult: false });
});

test("rules of a removed iptables are not forgotten", async (t) => {
  const host = await hostWith(t, "nft");
  succeed(host, ours, "ADD");
  useInstead(host, "iptables", "/nowhere");
  assert.equal(refuse(host, "DEL", {}).code, 101);
  useInstead(host, "iptables", "/usr/sbin/iptables-nft");
  succeed(host, ours, "DEL", { prevResult: false });
  assert.ok(!saved(host).some((line) => line.includes("10.0.0.2")));
});

/** c1 and c3 on bridge cni0, c4 on cni1, and the outside, all routed by the host, each with a page of its name. */
async function wiredHost(t: Parameters<typeof hostFor>[0]) {
  const host = await hostWith(t, "nft");
  host.run("sysctl", ["-qw", "net.ipv4.ip_forward=1"]);
  const wire = (netns: string, device: string, address: string, gateway: string, bridge?: string) => {
    host.run("ip", ["link", "add", device, "type", "veth", "peer", "name", "eth0", "netns", netns]);
    host.run("ip", ["address", "add", `${address}/24`, "dev", "eth0"], { netns });
    for (const link of ["lo", "eth0"]) host.run("ip", ["link", "set", link, "up"], { netns });
    host.run("ip", ["route", "add", "default", "via", gateway], { netns });
    if (bridge === undefined) host.run("ip", ["address", "add", `${gateway}/24`, "dev", device]);
    else host.run("ip", ["link", "set", device, "master", bridge]);
    host.run("ip", ["link", "set", device, "up"]);
  };
  for (const [bridge, gateway] of [
    ["cni0", "10.0.0.1"],
    ["cni1", "10.0.1.1"],
  ] as const) {
    host.run("ip", ["link", "add", bridge, "type", "bridge"]);
    host.run("ip", ["address", "add", `${gateway}/24`, "dev", bridge]);
    host.run("ip", ["link", "set", bridge, "up"]);
  }
  host.addNetns("outside");
  wire("c1", "veth1", "10.0.0.2", "10.0.0.1", "cni0");
  wire("c3", "veth3", "10.0.0.3", "10.0.0.1", "cni0");
  wire("c4", "veth4", "10.0.1.2", "10.0.1.1", "cni1");
  wire("outside", "up0", "192.0.2.2", "192.0.2.1");
  const page = { c3: "http://10.0.0.3:80/", c4: "http://10.0.1.2:80/", outside: "http://192.0.2.2:80/" };
  for (const netns of ["c3", "c4", "outside"]) await serveHttp(host, netns, 80, netns);
  const reaches = (target: keyof typeof page, from = "c1") =>
    !isUnreachable(host, page[target], { netns: from });
  await waitUntil("everything is up", () => reaches("c3") && reaches("c4") && reaches("outside"));
  return { host, reaches };
}

test("packets: policies keep bridges apart, containers reach the outside through FORWARD DROP", async (t) => {
  const { host, reaches } = await wiredHost(t);
  const attach = (command: Command, keys: JsonObject) => {
    succeed(host, ours, command, { id: "c1", ips: ["10.0.0.2/24"], keys });
    succeed(host, ours, command, { id: "c3", ips: ["10.0.0.3/24"], keys });
    succeed(host, ours, command, { id: "c4", ips: ["10.0.1.2/24"], bridge: "cni1", keys });
  };

  attach("ADD", policy("same-bridge"));
  assert.ok(reaches("c3"), "same-bridge: a neighbour");
  assert.ok(!reaches("c4"), "same-bridge: the other bridge");
  assert.ok(reaches("outside"), "same-bridge: the outside");
  assert.ok(reaches("c4", "outside"), "same-bridge: from outside");

  host.run("iptables", ["-P", "FORWARD", "DROP"]);
  assert.ok(reaches("outside"), "FORWARD DROP: the outside");
  assert.ok(!reaches("c4", "outside"), "FORWARD DROP: from outside");
  attach("DEL", policy("same-bridge"));
  assert.ok(!reaches("outside"), "FORWARD DROP: nothing accepts a container that is gone");
  host.run("iptables", ["-P", "FORWARD", "ACCEPT"]);

  host.run("sysctl", ["-qw", "net.bridge.bridge-nf-call-iptables=1"]);
  attach("ADD", policy("isolated"));
  assert.ok(!reaches("c3"), "isolated: a neighbour");
  assert.ok(!reaches("c4"), "isolated: the other bridge");
  assert.ok(reaches("outside"), "isolated: the outside");
  attach("ADD", policy("same-bridge"));
  assert.ok(reaches("c3"), "same-bridge again: a neighbour");
  assert.ok(!reaches("c4"), "same-bridge again: the other bridge");
});

test("packets: published ports pass FORWARD DROP with the manual's line in CNI-ADMIN, and nothing else", async (t) => {
  const { host, reaches } = await wiredHost(t);
  const published = () => !isUnreachable(host, "http://192.0.2.1:8080/", { netns: "outside" });
  const portmap = (command: Command) => {
    const prevResult = { cniVersion: "1.1.0", ips: [{ address: "10.0.0.3/24" }] };
    const portMappings = [{ hostPort: 8080, containerPort: 80, protocol: "tcp" }];
    const names = { cniVersion: "1.1.0", name: "mynet", type: "portmap", backend: "iptables" };
    const config = { ...names, runtimeConfig: { portMappings }, prevResult };
    const { status, stdout } = callPlugin(
      host,
      `${pluginFolder()}/portmap`,
      environmentOf(command, { id: "c3" }),
      config,
    );
    assert.equal(status, 0, stdout);
  };
  portmap("ADD");
  succeed(host, ours, "ADD", { id: "c3", ips: ["10.0.0.3/24"] });
  assert.ok(published(), "before");
  host.run("iptables", ["-P", "FORWARD", "DROP"]);
  assert.ok(!published(), "FORWARD DROP: the published port");
  host.run("iptables", ["-A", "CNI-ADMIN", "-m", "conntrack", "--ctstate", "DNAT", "-j", "ACCEPT"]);
  assert.ok(published(), "with the manual's line");
  assert.ok(!reaches("c3", "outside"), "the container itself, from outside");
  portmap("DEL");
  assert.ok(!published(), "after DEL");
});

/** Rules of the isolation stages that name a bridge. */
function isolates(host: Host, bridge: string): boolean {
  return bothSaved(host).some((line) => line.includes(`-i ${bridge} `) || line.includes(`-o ${bridge} `));
}

test("packets: isolation goes with the last container of its network, and stays for the others", async (t) => {
  const { host, reaches } = await wiredHost(t);
  const keys = policy("same-bridge");
  const c1: Attachment = { id: "c1", keys };
  const c3: Attachment = { id: "c3", ips: ["10.0.0.3/24"], keys };
  const c4: Attachment = { id: "c4", ips: ["10.0.1.2/24"], bridge: "cni1", network: "other", keys };
  // A third bridge: what remains of cni0 would be seen by packets to it, if cni0 still were kept apart.
  const far: Attachment = { id: "far", ips: ["10.0.2.2/24"], bridge: "cni2", network: "third", keys };
  for (const attachment of [c1, c3, c4, far]) succeed(host, ours, "ADD", attachment);
  assert.ok(!reaches("c4"), "between the networks");

  succeed(host, ours, "DEL", c3);
  assert.ok(isolates(host, "cni0"), "c1 needs it");
  assert.ok(!reaches("c4"));
  succeed(host, ours, "DEL", c1);
  assert.ok(!isolates(host, "cni0"), "nobody needs it");
  assert.ok(isolates(host, "cni1") && isolates(host, "cni2"), "other networks' stays");
  for (const attachment of [c4, far]) succeed(host, ours, "CHECK", attachment);
  assert.ok(reaches("c4"), "the address is out of any network with a policy");

  succeed(host, ours, "ADD", c1);
  assert.ok(!reaches("c4"), "a new container brings it back");
  for (const attachment of [c1, c4, far]) succeed(host, ours, "DEL", { ...attachment, prevResult: false });
  for (const bridge of ["cni0", "cni1", "cni2"]) assert.ok(!isolates(host, bridge), bridge);
});

test("a network that changes its policy leaves nothing of either", async (t) => {
  const host = await hostWith(t, "nft");
  const sequence = ["isolated", "same-bridge", "isolated", "open"];
  const attachments = sequence.map((name, index): Attachment => {
    return { id: `c${index + 1}`, ips: [`10.0.0.${index + 2}/24`], keys: policy(name) };
  });
  for (const attachment of attachments) succeed(host, ours, "ADD", attachment);
  for (const attachment of attachments.slice(0, 2)) succeed(host, ours, "DEL", attachment);
  assert.ok(isolates(host, "cni0"), "c3 asked for a policy");
  succeed(host, ours, "DEL", attachments[2]);
  assert.ok(!isolates(host, "cni0"), "c4 did not");
  succeed(host, ours, "CHECK", attachments[3]);
});

test("isolation stays while the Go plugin's containers may need it", async (t) => {
  const host = await hostWith(t, "nft");
  const keys = policy("isolated");
  const go: Attachment = { id: "c2", ips: ["10.0.0.3/24"], keys };
  succeed(host, peers, "ADD", go);
  succeed(host, ours, "ADD", { keys });
  succeed(host, ours, "DEL", { keys });
  succeed(host, ours, "CHECK", go);
  succeed(host, peers, "DEL", go);
  succeed(host, ours, "ADD", { keys });
  succeed(host, ours, "DEL", { keys });
  assert.ok(!isolates(host, "cni0"));
});

test("isolation is gone after GC, and after the last containers leave at once", async (t) => {
  const host = await hostWith(t, "nft");
  const attachments = ["c1", "c2", "c3", "c4"].map((id, index): Attachment => {
    return { id, ips: [`10.0.0.${index + 2}/24`, `2001:db8:1::${index + 2}/64`], keys: policy("isolated") };
  });
  for (const attachment of attachments) succeed(host, ours, "ADD", attachment);
  const gone = await Promise.all(
    attachments.map((one) => callPluginAsync(host, ours, environmentOf("DEL", one), configOf(one))),
  );
  for (const { status, stdout } of gone) assert.equal(status, 0, stdout);
  assert.ok(!isolates(host, "cni0"));

  for (const attachment of attachments) succeed(host, ours, "ADD", attachment);
  succeed(host, ours, "GC", { prevResult: false, keys: { "cni.dev/valid-attachments": [] } });
  assert.ok(!isolates(host, "cni0"));
});
