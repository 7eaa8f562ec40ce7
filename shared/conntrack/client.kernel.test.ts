import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { test } from "node:test";
import { formatIp } from "../ip/address.ts";
import { inNetns, openNetns } from "../linux/netns.ts";
import { deleteEntry, listEntries, openConntrack } from "./client.ts";

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

      const socket = openConntrack();
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
      try {
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
      } finally {
        socket.close();
      }
    });
  } finally {
    host.close();
    execFileSync("ip", ["netns", "del", name]);
  }
});
