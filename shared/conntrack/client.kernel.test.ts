import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { test } from "node:test";
import { formatIp, parseIp } from "../ip/address.ts";
import { inNetns, openNetns } from "../linux/netns.ts";
import type { NetlinkSocket } from "../netlink/client.ts";
import { netfilterSocket } from "../netlink/netfilter-socket.ts";
import { eachEntry, forgetConnections, forgetConnectionsOf, forgetMeant } from "./client.ts";
import type { ConntrackEntry, EntryFilter } from "./entry.ts";

function listEntries(socket: NetlinkSocket, family: 4 | 6, filter: EntryFilter): ConntrackEntry[] {
  const entries: ConntrackEntry[] = [];
  eachEntry(socket, family, { query: filter, filters: [filter] }, (entry) => entries.push(entry));
  return entries;
}

test("entries are found by protocol and port and deleted one by one", () => {
  const name = `conntrack-test-${process.pid}`;
  execFileSync("ip", ["netns", "add", name]);
  const host = openNetns(`/run/netns/${name}`);
  try {
    inNetns(host, () => {
      const make = (...args: string[]) =>
        execFileSync("conntrack", ["-I", "-t", "120", ...args], { stdio: "ignore" });
      const v4 = ["-s", "172.16.0.1", "-d", "192.0.2.7"];
      make("-p", "udp", ...v4, "--sport", "4000", "--dport", "5353");
      make(
        "-p",
        "udp",
        ...v4,
        "--sport",
        "4001",
        "--dport",
        "5353",
        "--reply-src",
        "10.0.0.2",
        "--reply-dst",
        "172.16.0.1",
        "--reply-port-src",
        "53",
        "--reply-port-dst",
        "4001",
      );
      make("-p", "udp", ...v4, "--sport", "5353", "--dport", "6000");
      make("-p", "tcp", ...v4, "--sport", "4000", "--dport", "5353", "--state", "ESTABLISHED");
      make("-p", "udp", "-s", "2001:db8::1", "-d", "2001:db8::2", "--sport", "4000", "--dport", "5353");

      const socket = netfilterSocket();
      const ports = (family: 4 | 6, destinationPort?: number) =>
        listEntries(socket, family, {
          protocol: 17,
          ...(destinationPort === undefined ? {} : { destinationPort }),
        })
          .map(
            ({ original }) =>
              `${formatIp(original.destination)} ${original.sourcePort}>${original.destinationPort}`,
          )
          .sort();
      assert.deepEqual(ports(4, 5353), ["192.0.2.7 4000>5353", "192.0.2.7 4001>5353"]);
      assert.deepEqual(ports(6, 5353), ["2001:db8::2 4000>5353"]);
      assert.deepEqual(ports(4), ["192.0.2.7 4000>5353", "192.0.2.7 4001>5353", "192.0.2.7 5353>6000"]);

      const isTranslated = ({ reply }: ConntrackEntry) => formatIp(reply.source) === "10.0.0.2";
      for (let times = 0; times < 2; times++) {
        forgetMeant(4, [{ protocol: 17, destinationPort: 5353 }], isTranslated);
      }
      assert.deepEqual(ports(4, 5353), ["192.0.2.7 4000>5353"]);
      assert.equal(listEntries(socket, 4, { protocol: 6, destinationPort: 5353 }).length, 1);
    });
  } finally {
    host.close();
    execFileSync("ip", ["netns", "del", name]);
  }
});

for (const [family, mine, other] of [
  [4, "172.16.0.1", "172.16.0.9"],
  [6, "2001:db8::1", "2001:db8::9"],
] as const) {
  test(`connections of an address are forgotten, those of others stay: IPv${family}`, () => {
    const name = `conntrack-forget-${family}-${process.pid}`;
    execFileSync("ip", ["netns", "add", name]);
    const host = openNetns(`/run/netns/${name}`);
    try {
      inNetns(host, () => {
        const far = family === 4 ? "192.0.2.7" : "2001:db8:ffff::7";
        for (const [source, destination] of [
          [mine, far],
          [other, far],
          [far, mine],
        ]) {
          const ends = ["-s", String(source), "-d", String(destination)];
          const ports = ["-p", "udp", "--sport", "4000", "--dport", "53"];
          execFileSync("conntrack", ["-I", "-t", "120", ...ports, ...ends], { stdio: "ignore" });
        }
        const address = parseIp(mine);
        assert.ok(address !== undefined);
        forgetConnectionsOf([address]);
        const socket = netfilterSocket();
        const left = listEntries(socket, family, { protocol: 17 });
        assert.deepEqual(
          left.map(({ original }) => formatIp(original.source)),
          [other],
        );
      });
    } finally {
      host.close();
      execFileSync("ip", ["netns", "del", name]);
    }
  });
}

for (const [family, client, host, container, neighbour] of [
  [4, "172.16.0.1", "192.0.2.1", "10.0.0.2", "10.0.0.3"],
  [6, "2001:db8::1", "2001:db8:ffff::1", "fd00::2", "fd00::3"],
] as const) {
  test(`connections through a published port are forgotten, and no others: IPv${family}`, () => {
    const name = `conntrack-port-${family}-${process.pid}`;
    execFileSync("ip", ["netns", "add", name]);
    const netns = openNetns(`/run/netns/${name}`);
    try {
      inNetns(netns, () => {
        const make = (sport: number, hostPort: number, answeredBy: string, port: number) =>
          execFileSync(
            "conntrack",
            [
              ...["-I", "-t", "120", "-p", "udp", "-s", client, "-d", host],
              ...["--sport", `${sport}`, "--dport", `${hostPort}`],
              ...["--reply-src", answeredBy, "--reply-dst", client],
              ...["--reply-port-src", `${port}`, "--reply-port-dst", `${sport}`],
            ],
            { stdio: "ignore" },
          );
        make(1001, 8080, container, 80);
        make(1002, 8080, container, 80);
        make(1003, 8080, neighbour, 80);
        make(1004, 8080, container, 81);
        make(1005, 8081, container, 80);
        const address = parseIp(container);
        assert.ok(address !== undefined);
        const socket = netfilterSocket();
        const left = () =>
          listEntries(socket, family, { protocol: 17 })
            .map(({ original }) => original.sourcePort)
            .sort();
        const through = (destinationPort: number) =>
          ({ protocol: 17, destinationPort, answeredBy: address, answeredFromPort: 80 }) as const;
        forgetConnections(family, []);
        assert.deepEqual(left(), [1001, 1002, 1003, 1004, 1005]);
        forgetConnections(family, [through(8080)]);
        assert.deepEqual(left(), [1003, 1004, 1005]);
        // More than are searched for one by one.
        forgetConnections(
          family,
          Array.from({ length: 20 }, (_none, index) => through(8081 + index)),
        );
        assert.deepEqual(left(), [1003, 1004]);
      });
    } finally {
      netns.close();
      execFileSync("ip", ["netns", "del", name]);
    }
  });
}

const tool = `${import.meta.dirname}/../../conformance/harness/fakes/connections-tool.ts`;

for (const [family, mine, other, far] of [
  [4, "10.0.0.2", "10.0.0.3", "192.0.2.7"],
  [6, "fd00::2", "fd00::3", "2001:db8::7"],
] as const) {
  test(`many connections are forgotten while they are told, and no others: IPv${family}`, () => {
    const name = `conntrack-many-${family}-${process.pid}`;
    execFileSync("ip", ["netns", "add", name]);
    const netns = openNetns(`/run/netns/${name}`);
    try {
      inNetns(netns, () => {
        for (const source of [mine, other]) execFileSync(process.execPath, [tool, "1000", source, far]);
        const [source, otherSource] = [parseIp(mine), parseIp(other)];
        assert.ok(source !== undefined && otherSource !== undefined);
        const socket = netfilterSocket();
        const left = () =>
          [source, otherSource].map((address) => listEntries(socket, family, { source: address }).length);
        assert.deepEqual(left(), [1000, 1000]);
        // Not by the kernel's own means.
        forgetMeant(
          family,
          [{ source }, { answeredBy: source }],
          ({ original }) => original.sourcePort !== 1500,
        );
        assert.deepEqual(left(), [1, 1000]);
        forgetConnectionsOf([source]);
        assert.deepEqual(left(), [0, 1000]);
      });
    } finally {
      netns.close();
      execFileSync("ip", ["netns", "del", name]);
    }
  });
}
