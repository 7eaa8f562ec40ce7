import assert from "node:assert/strict";
import { test } from "node:test";
import { isJsonObject, readJson } from "../../shared/cni/json-read.ts";
import type { RepeatedKey, Request } from "../../shared/cni/plugin.ts";
import { decodeConfig, decodeDataDir } from "./config.ts";

function request(json: string, args = ""): Request {
  const repeatedKeys: RepeatedKey[] = [];
  const document = readJson(json, (path, key) => repeatedKeys.push({ path: [...path], key }));
  assert.ok(isJsonObject(document));
  return {
    command: "ADD",
    containerId: "c1",
    netns: "/run/netns/x",
    ifname: "eth0",
    args,
    path: "/opt/cni/bin",
    network: "n",
    cniVersion: "1.1.0",
    stdin: Buffer.from(json),
    document,
    repeatedKeys,
  };
}

const linkOf = (json: string, args?: string) => decodeConfig(request(json, args)).link;
const sysctlsOf = (json: string) => Object.fromEntries(decodeConfig(request(json)).sysctls);

const macs = {
  config: '"mac":"02:00:00:00:00:01"',
  args: "MAC=02:00:00:00:00:02",
  runtime: '"runtimeConfig":{"mac":"02:00:00:00:00:03"}',
  cni: '"args":{"cni":{"mac":"02:00:00:00:00:04"}}',
};

test("where the MAC comes from", () => {
  const { config, args, runtime, cni } = macs;
  assert.equal(linkOf(`{${config},${runtime},${cni}}`, args).mac, "02:00:00:00:00:04");
  assert.equal(linkOf(`{${config},${runtime}}`, args).mac, "02:00:00:00:00:03");
  assert.equal(linkOf(`{${config}}`, args).mac, "02:00:00:00:00:02");
  assert.equal(linkOf(`{${config}}`).mac, "02:00:00:00:00:01");
  assert.equal(linkOf(`{${config},"runtimeConfig":{"mac":""}}`, "MAC=").mac, "02:00:00:00:00:01");
  assert.equal(linkOf("{}").mac, undefined);
});

test("an empty MAC in args.cni means: leave it", () => {
  assert.deepEqual(linkOf(`{${macs.config},${macs.runtime},"args":{"cni":{"mac":""}}}`, macs.args), {});
  assert.equal(linkOf(`{${macs.config},"args":{"cni":{"mac":null}}}`).mac, "02:00:00:00:00:01");
});

test("false and 0 leave promisc and mtu alone, but set allmulti and txQLen", () => {
  const wanted = { allmulti: false, txQueueLength: 0 };
  assert.deepEqual(linkOf('{"promisc":false,"mtu":0,"mac":"","allmulti":false,"txQLen":0}'), wanted);
  assert.deepEqual(linkOf('{"promisc":null,"mtu":null,"allmulti":null,"txQLen":null}'), {});
  assert.deepEqual(linkOf('{"promisc":true,"mtu":1400,"allmulti":true,"txQLen":5}'), {
    promisc: true,
    mtu: 1400,
    allmulti: true,
    txQueueLength: 5,
  });
});

test("args.cni overrides, also with false and 0", () => {
  const config = '"promisc":true,"mtu":1400,"allmulti":true,"txQLen":5';
  assert.deepEqual(
    linkOf(`{${config},"args":{"cni":{"promisc":false,"mtu":0,"allmulti":false,"txQLen":0}}}`),
    {
      allmulti: false,
      txQueueLength: 0,
    },
  );
  assert.equal(linkOf('{"Args":{"CNI":{"MTU":1300}}}').mtu, 1300);
});

test("sysctls of args.cni are added and replace", () => {
  const json = '{"sysctl":{"net.a":"1","net.b":"2"},"args":{"cni":{"sysctl":{"net.b":"3","net.c":"4"}}}}';
  assert.deepEqual(sysctlsOf(json), { "net.a": "1", "net.b": "3", "net.c": "4" });
  assert.deepEqual(sysctlsOf('{"args":{"cni":{"sysctl":{"net.c":"4"}}}}'), { "net.c": "4" });
  assert.deepEqual(sysctlsOf('{"sysctl":{"net.a":null}}'), { "net.a": "" });
});

test("a sysctl that is there twice is refused, wherever the second one stands", () => {
  for (const json of [
    '{"sysctl":{"net.a":"1","net.a":"1"}}',
    '{"sysctl":{"net.a":"1"},"sysctl":{"net.a":"2"}}',
    '{"sysctl":{"net.a":"1"},"Sysctl":{"net.a":"2"}}',
  ]) {
    assert.throws(() => decodeConfig(request(json)), {
      code: 7,
      message: "duplicated sysctl keys are not allowed",
      details: /"net\.a" is there twice/,
    });
  }
  assert.deepEqual(sysctlsOf('{"sysctl":{"net.a":"1"},"sysctl":{"net.b":"2"}}'), {
    "net.a": "1",
    "net.b": "2",
  });
});

test("values that cannot be are refused", () => {
  const cases: [string, number, RegExp][] = [
    ['{"sysctl":{"net.a":1}}', 6, /sysctl\.net\.a: expected a string, got the number 1/],
    ['{"sysctl":[]}', 6, /sysctl: expected an object/],
    ['{"mtu":"1400"}', 6, /mtu: expected an integer/],
    ['{"promisc":"true"}', 6, /promisc: expected true or false/],
    ['{"args":{"cni":{"mtu":"1400"}}}', 6, /args\.cni\.mtu: expected an integer/],
    ['{"mtu":-5}', 7, /mtu -5 is out of range/],
    ['{"txQLen":-1}', 7, /txQLen -1 is out of range/],
    ['{"mac":"zz"}', 7, /invalid args zz for MAC addr: address zz: invalid MAC address/],
    ['{"mac":"01:00:5e:00:00:01"}', 7, /multicast/],
    ['{"mac":"00:00:00:00:00:00"}', 7, /all bytes are 0/],
    ['{"dataDir":"run"}', 7, /dataDir "run" is not an absolute path/],
  ];
  for (const [json, code, message] of cases) {
    assert.throws(() => decodeConfig(request(json)), { code, message }, json);
  }
  assert.throws(() => decodeConfig(request("{}", "IP=10.0.0.1")), { code: 4, message: /unknown args/ });
});

test("DEL needs no more than a usable dataDir", () => {
  assert.equal(decodeDataDir(request('{"mtu":"x","mac":"zz","sysctl":[],"dataDir":"/x"}', "none")), "/x");
  assert.equal(decodeDataDir(request('{"dataDir":""}')), "/run/cni/tuning");
  assert.equal(decodeDataDir(request('{"dataDir":"../x"}')), "../x", "the Go plugin's ADD takes it");
  assert.throws(() => decodeDataDir(request('{"dataDir":"/x\\u0000"}')), { code: 7 });
});
