/** What every CNI executable has in common: environment, standard input, versions, errors, exit status, output. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { after, before, test } from "node:test";
import { standardPath } from "../harness/host/command.ts";
import { Host } from "../harness/host/host.ts";
import { asObject, type JsonObject, parseObject } from "../harness/host/json.ts";
import { difference, snapshot } from "../harness/host/snapshot.ts";
import { expectPeer, pluginFolder, pluginNames } from "../harness/plugins/binaries.ts";

const binDir = pluginFolder();
const allVersions = ["0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"];

/** What a plugin needs in its configuration. */
const needs: Record<string, JsonObject> = {
  bridge: { bridge: "br0", ipam: {} },
  "host-local": { ipam: { type: "host-local", subnet: "10.1.0.0/24" } },
};

const versionsOf = (plugin: string) => (plugin === "firewall" ? allVersions.slice(4) : allVersions);

const attachment: Record<string, string> = {
  CNI_CONTAINERID: "c1",
  CNI_NETNS: "/run/netns/c1",
  CNI_IFNAME: "eth0",
  CNI_PATH: binDir,
};

let host: Host;
before(async () => {
  host = await Host.create();
  host.addNetns("c1");
});
after(() => host.dispose());

/** Runs a plugin with these variables (beside PATH) and this standard input. */
function run(plugin: string, variables: Record<string, string>, config: unknown) {
  const input = typeof config === "string" ? config : JSON.stringify(config);
  const env = { PATH: standardPath, ...variables };
  return host.run(`${binDir}/${plugin}`, [], { env, input, check: false });
}

function configOf(plugin: string, more: JsonObject = {}): JsonObject {
  return { cniVersion: "1.1.0", name: "net", type: plugin, ...needs[plugin], ...more };
}

/** The error object, after a look at everything that is the same for all errors. */
function errorOf(plugin: string, variables: Record<string, string>, config: unknown): JsonObject {
  const { status, stdout, stderr } = run(plugin, variables, config);
  assert.deepEqual({ status, stderr }, { status: 1, stderr: "" }, stdout);
  const error = parseObject(stdout);
  const { code, msg, details } = error;
  assert.equal(typeof code, "number");
  assert.equal(typeof msg, "string");
  assert.ok(msg !== "");
  const known = details === undefined ? { code, msg } : { code, msg, details };
  const escaped = (text: string) =>
    text.replaceAll("<", "\\u003c").replaceAll(">", "\\u003e").replaceAll("&", "\\u0026");
  assert.equal(stdout, escaped(JSON.stringify(known, null, 4)));
  assert.notEqual(details, "");
  return error;
}

function succeeds(plugin: string, variables: Record<string, string>, config: unknown): void {
  const { status, stdout, stderr } = run(plugin, variables, config);
  assert.deepEqual({ status, stdout, stderr }, { status: 0, stdout: "", stderr: "" });
}

type Refused = {
  what: string;
  variables: Record<string, string>;
  config: (plugin: string) => unknown;
  code: number;
  msg: RegExp;
  details?: RegExp;
};

const add = { CNI_COMMAND: "ADD", ...attachment };
const del = { CNI_COMMAND: "DEL", ...attachment };
const check = { CNI_COMMAND: "CHECK", ...attachment };
const gc = { CNI_COMMAND: "GC", CNI_PATH: binDir };
const status = { CNI_COMMAND: "STATUS", CNI_PATH: binDir };

const environment: Refused[] = [
  ...(
    [
      [{ CNI_COMMAND: "ADD" }, "CNI_CONTAINERID,CNI_NETNS,CNI_IFNAME,CNI_PATH"],
      [{ CNI_COMMAND: "CHECK" }, "CNI_CONTAINERID,CNI_NETNS,CNI_IFNAME,CNI_PATH"],
      [{ CNI_COMMAND: "DEL" }, "CNI_CONTAINERID,CNI_IFNAME,CNI_PATH"],
      [{ CNI_COMMAND: "GC" }, "CNI_PATH"],
      [{ CNI_COMMAND: "STATUS" }, "CNI_PATH"],
      [{ ...add, CNI_NETNS: "" }, "CNI_NETNS"],
    ] as const
  ).map(([variables, names]) => ({
    what: `${variables.CNI_COMMAND} without ${names}`,
    variables,
    config: (plugin: string) => configOf(plugin),
    code: 4,
    msg: new RegExp(`^required env variables \\[${names}\\] missing$`),
  })),
  ...(
    [
      [{ ...add, CNI_CONTAINERID: "a/b" }, /^invalid characters in containerID$/, /^a\/b$/],
      [{ ...del, CNI_CONTAINERID: "-a" }, /^invalid characters in containerID$/, /^-a$/],
      [{ ...add, CNI_IFNAME: "a".repeat(16) }, /^interface name is too long$/, /less than 16 characters/],
      [{ ...add, CNI_IFNAME: ".." }, /^interface name is \. or \.\.$/, undefined],
      [
        { ...del, CNI_IFNAME: "a b" },
        /^interface name contains \/ or : or whitespace characters$/,
        undefined,
      ],
      [{ ...check, CNI_IFNAME: "a\u0085" }, /^interface name contains/, undefined],
      [{ CNI_COMMAND: "ADD", CNI_IFNAME: "a/b" }, /^interface name contains/, undefined],
      [{ CNI_COMMAND: "FOO" }, /^unknown CNI_COMMAND: FOO$/, undefined],
      [{ CNI_COMMAND: "add" }, /^unknown CNI_COMMAND: add$/, undefined],
    ] as const
  ).map(([variables, msg, details]) => ({
    what: JSON.stringify(variables).slice(0, 90),
    variables,
    config: (plugin: string) => configOf(plugin),
    code: 4,
    msg,
    ...(details !== undefined && { details }),
  })),
];

const stdin: Refused[] = (
  [
    ["", 6, /^error unmarshall network config: unexpected end of JSON input$/],
    ['{"name":"net"', 6, /^error unmarshall network config: unexpected end of JSON input$/],
    ["xx", 6, /^error unmarshall network config: invalid character/],
    ["\ufeff{}", 6, /^error unmarshall network config: (invalid character|it begins with a byte order mark)/],
    ['{"name":"net"} x', 6, /^error unmarshall network config: invalid character/],
    ['{"name":"net",}', 6, /^error unmarshall network config: invalid character/],
    ["[]", 6, /^error unmarshall network config: /],
    ['{"name":5}', 6, /^error unmarshall network config: .*name/],
    ["null", 7, /^missing network name$/],
    ["{}", 7, /^missing network name$/],
    ['{"name":null}', 7, /^missing network name$/],
    ['{"name":""}', 7, /^missing network name$/],
    ['{"name":"../x"}', 7, /^invalid characters found in network name$/],
  ] as const
).flatMap(([config, code, msg]) =>
  // Only after the configuration is the command looked at.
  [add, del, { CNI_COMMAND: "FOO" }].map((variables) => ({
    what: `${variables.CNI_COMMAND} with ${JSON.stringify(config)}`,
    variables,
    config: () => config,
    code,
    msg,
  })),
);

const versions: Refused[] = (
  [
    [add, "9.9.9", 1, /^incompatible CNI versions$/, /^config is "9\.9\.9", plugin supports \["0/],
    [del, "9.9.9", 1, /^incompatible CNI versions$/, /"1\.0\.0" "1\.1\.0"\]$/],
    [add, "1.0", 1, /^incompatible CNI versions$/, undefined],
    [del, "abc", 1, /^incompatible CNI versions$/, undefined],
    [check, "0.3.1", 1, /^config version does not allow CHECK$/, undefined],
    [check, "2.0.0", 1, /^plugin version does not allow CHECK$/, undefined],
    [check, "1.0.5", 1, /^incompatible CNI versions$/, undefined],
    [check, "abc", 6, /abc/, undefined],
    [gc, "1.0.0", 1, /^config version does not allow GC$/, undefined],
    [gc, "1.2.0", 1, /^plugin version does not allow GC$/, undefined],
    [status, "1.0.0", 1, /^config version does not allow STATUS$/, undefined],
    [status, "", 1, /^config version does not allow STATUS$/, undefined],
    [status, "1.2.3.4", 6, /1\.2\.3\.4/, undefined],
    [add, 5, 6, /cniVersion/, undefined],
    [status, 5, 6, /cniVersion/, undefined],
  ] as const
).map(([variables, cniVersion, code, msg, details]) => ({
  what: `${variables.CNI_COMMAND} at ${JSON.stringify(cniVersion)}`,
  variables,
  config: (plugin: string) => configOf(plugin, { cniVersion }),
  code,
  msg,
  ...(details !== undefined && { details }),
}));

for (const plugin of pluginNames) {
  test(`${plugin} without CNI_COMMAND tells what it is, and does not wait for standard input`, async () => {
    const child = host.spawn(`${binDir}/${plugin}`, []);
    const output = { stdout: "", stderr: "" };
    child.stdout.on("data", (text) => {
      output.stdout += text;
    });
    child.stderr.on("data", (text) => {
      output.stderr += text;
    });
    const [exitStatus] = await once(child, "close");
    assert.deepEqual({ exitStatus, stdout: output.stdout }, { exitStatus: 0, stdout: "" });
    const [first, ...rest] = output.stderr.split("\n");
    assert.match(first ?? "", new RegExp(`^CNI ${plugin} plugin (v\\d+\\.\\d+\\.\\d+\\S*|version unknown)$`));
    assert.deepEqual(rest, [`CNI protocol versions supported: ${versionsOf(plugin).join(", ")}`, ""]);
  });

  test(`${plugin} tells its versions, and does not wait for standard input`, async () => {
    const child = host.spawn("env", ["CNI_COMMAND=VERSION", `${binDir}/${plugin}`]);
    let stdout = "";
    child.stdout.on("data", (text) => {
      stdout += text;
    });
    const [exitStatus] = await once(child, "close");
    const wanted = JSON.stringify({ cniVersion: "1.1.0", supportedVersions: versionsOf(plugin) });
    assert.deepEqual({ exitStatus, stdout }, { exitStatus: 0, stdout: `${wanted}\n` });
  });

  for (const [group, table] of Object.entries({ environment, stdin, versions })) {
    test(`${plugin} refuses what is wrong with ${group}`, () => {
      const before = snapshot(host);
      for (const { what, variables, config, code, msg, details } of table) {
        const error = errorOf(plugin, variables, config(plugin));
        assert.equal(error["code"], code, `${what}: ${JSON.stringify(error)}`);
        assert.match(String(error["msg"]), msg, what);
        if (details !== undefined) assert.match(String(error["details"]), details, what);
      }
      assert.equal(difference(before, snapshot(host)), "");
    });
  }

  test(`${plugin} deletes what is not there, silently, at each of its versions`, () => {
    for (const cniVersion of versionsOf(plugin)) {
      const config = configOf(plugin, { cniVersion });
      succeeds(plugin, { ...del, CNI_NETNS: "" }, config);
      succeeds(plugin, { ...del, CNI_NETNS: "/run/netns/gone" }, config);
    }
  });

  test(`${plugin} answers GC and STATUS silently, and does not look at other variables`, () => {
    const others = { CNI_CONTAINERID: "-", CNI_IFNAME: "a/b", CNI_NETNS: "/nope", CNI_ARGS: "none" };
    for (const command of [gc, status]) {
      succeeds(plugin, { ...command, ...others }, configOf(plugin));
      succeeds(plugin, command, configOf(plugin, { "cni.dev/valid-attachments": [] }));
    }
  });

  test(`${plugin} takes keys in any case, unknown keys and white space`, () => {
    const { name, cniVersion, ...rest } = configOf(plugin);
    const config = { NAME: name, CniVersion: cniVersion, ...rest, unknown: { x: [1.5, null] } };
    succeeds(plugin, { ...del, CNI_NETNS: "" }, `\n\t ${JSON.stringify(config, null, 3)} \r\n`);
    const old = { ...config, CniVersion: "0.0.9" };
    assert.equal(errorOf(plugin, del, old)["code"], 1);
  });

  test(`${plugin} refuses the host's own namespace as a container's`, { skip: expectPeer }, () => {
    const before = snapshot(host);
    for (const CNI_COMMAND of ["ADD", "CHECK"]) {
      const variables = { ...add, CNI_COMMAND, CNI_NETNS: "/proc/1/ns/net" };
      const error = errorOf(plugin, variables, configOf(plugin));
      assert.equal(error["code"], 8);
      assert.equal(error["msg"], "plugin's netns and netns from CNI_NETNS should not be the same");
    }
    // The number of its process may be another one's by now.
    succeeds(plugin, { ...del, CNI_NETNS: "/proc/1/ns/net" }, configOf(plugin));
    assert.equal(difference(before, snapshot(host)), "");
  });
}

test("characters that mean something in HTML are escaped in errors", () => {
  const { stdout } = run("loopback", { CNI_COMMAND: "<&>\u2028" }, configOf("loopback"));
  assert.ok(stdout.includes('"unknown CNI_COMMAND: \\u003c\\u0026\\u003e\\u2028"'), stdout);
  assert.equal(asObject(JSON.parse(stdout))["msg"], "unknown CNI_COMMAND: <&>\u2028");
});
