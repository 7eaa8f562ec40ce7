import assert from "node:assert/strict";
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { afterEach, beforeEach, test } from "node:test";
import { CniError } from "../../../shared/cni/errors/cni-error.ts";
import { type IpAddress, parseIp } from "../../../shared/ip/address.ts";
import {
  type AddressRecord,
  listRecords,
  readAddressRecord,
  removeAddressRecord,
  removeUnfinished,
  removeUnfinishedOf,
  replaceAddressRecord,
  writeAddressRecord,
} from "./records.ts";

let parent: string;
let directory: string;

beforeEach(() => {
  parent = mkdtempSync(`${tmpdir()}/firewall-records-`);
  directory = `${parent}/netns-1-2`;
});

afterEach(() => {
  rmSync(parent, { recursive: true });
});

function address(text: string): IpAddress {
  const parsed = parseIp(text);
  assert.ok(parsed !== undefined);
  return parsed;
}

const owner = { network: "net", containerId: "c1", ifname: "eth0" };
const plain: AddressRecord = {
  address: address("10.0.0.2"),
  owner,
  netns: "/run/netns/c1",
  adminChain: "CNI-ADMIN",
};
const mark = ".of-net_c1_eth0_10.0.0.2";
const isolated: AddressRecord = {
  address: address("2001:db8::2"),
  owner,
  netns: "/run/netns/c1",
  adminChain: "MY-ADMIN",
  isolation: { policy: "isolated", bridge: "cni0" },
};

test("records come and go", () => {
  assert.deepEqual(listRecords(directory), []);
  writeAddressRecord(directory, plain);
  writeAddressRecord(directory, isolated);
  assert.deepEqual(readAddressRecord(directory, plain.address), plain);
  assert.deepEqual(readAddressRecord(directory, isolated.address), isolated);
  assert.equal(listRecords(directory).length, 2);
  removeAddressRecord(directory, plain.address, owner);
  removeAddressRecord(directory, plain.address, owner);
  assert.equal(readAddressRecord(directory, plain.address), undefined);
  assert.deepEqual(readdirSync(directory).sort(), [".of-net_c1_eth0_2001:db8::2", "2001:db8::2"]);
});

test("what firewalld lets through has the zone in its record", () => {
  const bound = { ...isolated, zone: "trusted" };
  writeAddressRecord(directory, bound);
  assert.deepEqual(readAddressRecord(directory, bound.address), bound);
  assert.match(readFileSync(`${directory}/2001:db8::2`, "utf8"), /"adminChain":"MY-ADMIN","zone":"trusted",/);
});

test("the newest owner of an address is the owner", () => {
  writeAddressRecord(directory, plain);
  const next = { ...plain, owner: { ...owner, containerId: "c2" } };
  replaceAddressRecord(directory, owner, next);
  assert.deepEqual(listRecords(directory), [next]);
  assert.deepEqual(readdirSync(directory).sort(), [".of-net_c2_eth0_10.0.0.2", "10.0.0.2"]);
});

test("a person can read a record", () => {
  writeAddressRecord(directory, isolated);
  assert.equal(
    readFileSync(`${directory}/2001:db8::2`, "utf8"),
    '{"network":"net","containerID":"c1","ifname":"eth0","netns":"/run/netns/c1","adminChain":"MY-ADMIN","ingressPolicy":"isolated","bridge":"cni0"}\n',
  );
});

test("files of others are no records", () => {
  writeAddressRecord(directory, plain);
  writeFileSync(`${directory}/README`, "x");
  writeFileSync(`${directory}/10.0.0.3`, "{");
  writeFileSync(`${directory}/10.0.0.4`, '{"network":1}');
  assert.deepEqual(listRecords(directory), [plain]);
});

test("what a killed process has left goes after a while", () => {
  writeAddressRecord(directory, plain);
  writeFileSync(`${directory}/.unfinished-1-old`, "");
  utimesSync(`${directory}/.unfinished-1-old`, 1, 1);
  writeFileSync(`${directory}/.unfinished-1-new`, "");
  removeUnfinished(directory);
  assert.deepEqual(readdirSync(directory).sort(), [mark, ".unfinished-1-new", "10.0.0.2"]);
});

test("what a killed ADD has left goes with the DEL of its attachment", () => {
  removeUnfinishedOf(directory, owner);
  writeAddressRecord(directory, plain);
  writeFileSync(`${directory}/.unfinished-c1_eth0`, "");
  writeFileSync(`${directory}/.unfinished-c1_eth1`, "");
  removeUnfinishedOf(directory, owner);
  assert.deepEqual(readdirSync(directory).sort(), [mark, ".unfinished-c1_eth1", "10.0.0.2"]);
});

test("a write that fails, and one for an ID longer than a file's name, leave nothing behind", () => {
  const long = { ...plain, owner: { ...owner, containerId: "c".repeat(300) } };
  writeAddressRecord(directory, long);
  assert.deepEqual(readAddressRecord(directory, plain.address), long);
  removeAddressRecord(directory, plain.address, long.owner);
  mkdirSync(`${directory}/10.0.0.2`);
  assert.throws(() => writeAddressRecord(directory, plain), /cannot write/);
  assert.deepEqual(readdirSync(directory), ["10.0.0.2"]);
});

test("a record that cannot be written is a failure that names the file", () => {
  writeFileSync(directory, "a file in the way");
  assert.throws(
    () => writeAddressRecord(directory, plain),
    (error) =>
      error instanceof CniError &&
      error.code === 5 &&
      error.message.startsWith(`cannot write ${directory}/10.0.0.2: `) &&
      error.details.includes("dataDir"),
  );
  assert.deepEqual(listRecords(directory), [], "cleaning up goes on without");
});
