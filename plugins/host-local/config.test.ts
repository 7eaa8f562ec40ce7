import assert from "node:assert/strict";
import { test } from "node:test";
import { isJsonObject, type JsonObject, readJson } from "../../shared/cni/json-read.ts";
import type { Request } from "../../shared/cni/plugin.ts";
import { formatIp } from "../../shared/ip/address.ts";
import { formatPrefix } from "../../shared/ip/prefix.ts";
import { decodeCleanUp, decodeConfig } from "./config.ts";
import { formatSet } from "./ranges/range.ts";

function request(config: string, { args = "", cniVersion = "1.0.0" } = {}): Request {
  const document = readJson(config);
  assert.ok(isJsonObject(document));
  return { ...blank, document, args, cniVersion };
}

const noDocument: JsonObject = {};
const blank: Request = {
  command: "ADD",
  containerId: "c",
  netns: "/none",
  ifname: "eth0",
  args: "",
  path: "/none",
  network: "net",
  cniVersion: "1.0.0",
  stdin: Buffer.alloc(0),
  document: noDocument,
  repeatedKeys: [],
};

function sets(config: string): string[] {
  return decodeConfig(request(config)).sets.map(formatSet);
}

function requested(config: string, args = ""): string[] {
  return decodeConfig(request(config, { args })).requested.map(formatIp);
}

test("ranges of all three sources add up: the runtime's, the old style's, the list's", () => {
  const text = `{
    "ipam": {
      "type": "host-local", "subnet": "10.1.2.0/24",
      "rangeStart": "10.1.2.9", "rangeEnd": "10.1.2.20", "gateway": "10.1.2.30",
      "ranges": [[{"subnet": "10.1.4.0/24"}, {"subnet": "11.1.4.0/24"}], [{"subnet": "2001:db8::/64"}]]
    },
    "runtimeConfig": {"ipRanges": [[{"subnet": "10.1.8.0/29"}]], "other": 5}
  }`;
  assert.deepEqual(sets(text), [
    "10.1.8.1-10.1.8.6",
    "10.1.2.9-10.1.2.20",
    "10.1.4.1-10.1.4.254,11.1.4.1-11.1.4.254",
    "2001:db8::1-2001:db8::ffff:ffff:ffff:ffff",
  ]);
});

test("keys match in any case, null and empty addresses are absent, old style needs a subnet", () => {
  const range = `"SUBNET": "10.1.2.0/24", "RangeStart": "", "gateway": null`;
  assert.deepEqual(sets(`{"IPAM": {${range}, "rangeEnd": "10.1.2.9"}}`), ["10.1.2.1-10.1.2.9"]);
  assert.deepEqual(sets(`{"ipam": {"rangeStart": "9.9.9.9", "ranges": [[{${range}}]]}}`), [
    "10.1.2.1-10.1.2.254",
  ]);
  assert.deepEqual(
    sets(
      `{"ipam": {"subnet": "10.1.2.0/24"}, "RuntimeConfig": {"ipranges": [[{${range}}]]}, "x": 1}`.replace(
        "10.1.2.0/24",
        "10.1.3.0/24",
      ),
    ),
    ["10.1.2.1-10.1.2.254", "10.1.3.1-10.1.3.254"],
  );
});

test("requested addresses come from CNI_ARGS, args and runtimeConfig, in that order", () => {
  const text = `{
    "ipam": {"subnet": "10.1.2.0/24"},
    "args": {"cni": {"ips": ["10.1.2.11", "2001:db8::1/64"]}},
    "runtimeConfig": {"ips": ["10.1.2.12/24"]}
  }`;
  assert.deepEqual(requested(text, "IP=10.1.2.10/24"), [
    "10.1.2.10",
    "10.1.2.11",
    "2001:db8::1",
    "10.1.2.12",
  ]);
  assert.deepEqual(requested(text, "IgnoreUnknown=1;K8S_POD_NAME=p;IP=").length, 3);
});

test("routes and paths are taken as they are", () => {
  const text = `{"ipam": {
    "subnet": "10.1.2.0/24", "dataDir": "/run/x/", "resolvConf": "/etc/resolv.conf", "lockTimeout": 3,
    "routes": [{"dst": "3FFE:ffff:0:01ff::1/64", "gw": "", "mtu": 1400, "table": 0}]
  }}`;
  const config = decodeConfig(request(text));
  assert.equal(config.directory, "/run/x/net");
  assert.equal(config.resolvConf, "/etc/resolv.conf");
  assert.equal(config.lockTimeoutSeconds, 3);
  const [route] = config.routes;
  assert.ok(route);
  const { dst, ...rest } = route;
  assert.equal(formatPrefix(dst), "3ffe:ffff:0:1ff::1/64");
  assert.deepEqual(rest, { mtu: 1400, table: 0 });
});

test("a mistake is named; the first in the order of the Go plugin counts", () => {
  const good = `"subnet": "10.1.2.0/24"`;
  const table: [string, string, number, RegExp][] = [
    [`{}`, "", 7, /^IPAM config missing 'ipam' key$/],
    [`{"ipam": null}`, "x", 7, /^IPAM config missing 'ipam' key$/],
    [`{"ipam": "x"}`, "", 6, /ipam: expected an object/],
    [`{"ipam": {"subnet": "10.1.2.0"}}`, "", 7, /ipam\.subnet: invalid CIDR address: 10\.1\.2\.0$/],
    [`{"ipam": {"subnet": 5}}`, "x", 6, /ipam\.subnet: expected a string/],
    [`{"ipam": {${good}, "rangeStart": "foo"}}`, "", 7, /ipam\.rangeStart: invalid IP address: foo$/],
    [`{"ipam": {"ranges": [{${good}}]}}`, "", 6, /ipam\.ranges\[0\]: expected a list/],
    [
      `{"ipam": {${good}, "routes": [{"dst": "0.0.0.0/0", "mtu": 1.5}]}}`,
      "",
      6,
      /routes\[0\]\.mtu: expected an int/,
    ],
    [`{"ipam": {${good}, "dataDir": 5}}`, "", 6, /ipam\.dataDir: expected a string/],
    [`{"ipam": {${good}, "dataDir": "/a\\u0000b"}}`, "", 7, /ipam\.dataDir: a path cannot contain a NUL/],
    [`{"ipam": {${good}, "lockTimeout": -1}}`, "", 7, /ipam\.lockTimeout: -1 is out of range$/],
    [
      `{"ipam": {${good}}, "args": {"cni": {"ips": ["foo"]}}}`,
      "",
      7,
      /args\.cni\.ips\[0\]: invalid IP address foo$/,
    ],
    [`{"ipam": {${good}}, "runtimeConfig": {"ips": [null]}}`, "", 6, /runtimeConfig\.ips\[0\] is missing/],
    [`{"ipam": {}}`, "IP=x", 4, /^ARGS: error parsing value of pair "IP=x": invalid IP address x$/],
    [`{"ipam": {}}`, "A=1", 4, /^ARGS: unknown args \["A=1"\]$/],
    [`{"ipam": {}}`, "IP=", 7, /^no IP ranges specified$/],
    [`{"ipam": {${good}, "ranges": [[]]}}`, "", 7, /^invalid range set 1: empty range set$/],
    [
      `{"ipam": {"subnet": "10.1.2.3/24", "ranges": [[]]}}`,
      "",
      7,
      /^invalid range set 0: Network has host bits set/,
    ],
    [`{"ipam": {${good}, "ranges": [[{${good}}]]}}`, "", 7, /^range set 0 overlaps with 1$/],
  ];
  for (const [text, args, code, message] of table) {
    assert.throws(() => decodeConfig(request(text, { args })), { name: "CniError", code, message }, text);
  }
});

test("results before 0.3.0 have room for one set of each family", () => {
  const four = `[{"subnet": "10.1.2.0/24"}, {"subnet": "10.1.3.0/24"}]`;
  const six = `[{"subnet": "fd00::/64"}]`;
  const other = `[{"subnet": "10.1.4.0/24"}]`;
  const load = (cniVersion: string, ...ranges: string[]) =>
    decodeConfig(request(`{"ipam": {"ranges": [${ranges.join()}]}}`, { cniVersion }));
  assert.equal(load("0.2.0", four, six).sets.length, 2);
  assert.equal(load("0.3.0", four, six, other).sets.length, 3);
  assert.throws(() => load("0.2.0", four, six, other), {
    code: 7,
    message: "CNI version 0.2.0 does not support more than 1 address per family",
    details: "",
  });
});

test("DEL and GC find the directory whatever else is wrong", () => {
  const text = `{"ipam": {"subnet": 5, "ranges": "x", "routes": 1, "lockTimeout": "x", "cooldown": -1, "dataDir": "d"}}`;
  assert.deepEqual(decodeCleanUp(request(text, { args: "bad" })), {
    directory: "d/net",
    sideDirectory: "d/.host-local/net",
    lockTimeoutSeconds: 60,
    cooldownSeconds: 0,
  });
  assert.equal(decodeCleanUp(request(`{"ipam": {}}`)).directory, "/var/lib/cni/networks/net");
  assert.throws(() => decodeCleanUp(request(`{"ipam": {"dataDir": 5}}`)), { code: 6 });
});
