import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { test } from "node:test";
import { formatIp, parseIp } from "../ip/address.ts";
import { inNetns, openNetns } from "../linux/netns.ts";
import { netfilterSocket } from "../netlink/netfilter-socket.ts";
import { deleteEntry, forgetConnections, forgetConnectionsOf, listEntries } from "./client.ts";

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

      const translated = listEntries(socket, 4, { protocol: 17, destinationPort: 5353 }).find(
        ({ reply }) => formatIp(reply.source) === "10.0.0.2",
      );
      assert.ok(translated !== undefined);
      deleteEntry(socket, translated);
      deleteEntry(socket, translated);
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
