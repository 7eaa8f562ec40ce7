/** SCTP with packets, on a kernel that has it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Host } from "../../harness/host/host.ts";
import { waitUntil } from "../../harness/host/wait.ts";
import {
  addressOf,
  type Call,
  call,
  families,
  gateway,
  hostAddress,
  type IpFamily,
  network,
  outside,
  secondAddress,
} from "./network.ts";
import { beyondPeer, tcp } from "./setting.ts";

const sctp = (hostPort: number, containerPort: number, hostIP?: string) => ({
  ...tcp(hostPort, containerPort, hostIP),
  protocol: "sctp",
});

const versions: Record<IpFamily, string> = { ipv4: "SCTP4", ipv6: "SCTP6" };

function bracketed(address: string): string {
  return address.includes(":") ? `[${address}]` : address;
}

/** Answers each SCTP connection in a namespace with `NAME CLIENT-ADDRESS`. */
async function serve(host: Host, netns: string, address: string, port: number, name: string): Promise<void> {
  const listen = `${versions[address.includes(":") ? "ipv6" : "ipv4"]}-LISTEN:${port}`;
  const server = host.spawn(
    "socat",
    [`${listen},fork,bind=${bracketed(address)}`, `SYSTEM:echo ${name} $SOCAT_PEERADDR`],
    { netns },
  );
  const isUp = () => host.run("ss", ["-S", "-l", "-n", "-H"], { netns }).stdout.includes(`:${port} `);
  await waitUntil(`an SCTP server at ${address}`, () => server.exitCode !== null || isUp());
  assert.equal(server.exitCode, null);
}

/** What a server says, or "" when none is reached. */
function ask(host: Host, netns: string | undefined, address: string, port: number): string {
  const family = address.includes(":") ? "ipv6" : "ipv4";
  const target = `${versions[family]}:${bracketed(address)}:${port},connect-timeout=20`;
  const place = netns === undefined ? {} : { netns };
  return host.run("socat", ["-u", target, "-"], { ...place, check: false }).stdout.trim();
}

function succeed(host: Host, command: "ADD" | "CHECK" | "DEL", setting: Call): void {
  const { status, stdout, stderr } = call(host, command, setting);
  assert.deepEqual([status, stderr], [0, ""], stdout);
}

for (const backend of ["iptables", "nftables"] as const) {
  test(`${backend}: an SCTP port is reached from everywhere`, beyondPeer, async (t) => {
    const host = await network(t);
    for (const family of families) {
      await serve(host, "c1", addressOf("c1", family), 90, "c1");
      await serve(host, "outside", outside[family], 9000, "outside");
    }
    const setting: Call = {
      backend,
      mappings: [sctp(9000, 90), sctp(9001, 90, hostAddress.ipv4), sctp(9001, 90, hostAddress.ipv6)],
    };
    succeed(host, "ADD", setting);
    succeed(host, "CHECK", setting);
    for (const family of families) {
      const from = (place: string | undefined, address: string, port = 9000) =>
        ask(host, place, address, port);
      assert.match(from("outside", hostAddress[family]), /^c1 /, `${family} from outside`);
      assert.match(from("outside", hostAddress[family], 9001), /^c1 /, `${family} at an address`);
      assert.equal(from("outside", secondAddress[family], 9001), "", `${family} at another address`);
      assert.match(from(undefined, hostAddress[family]), /^c1 /, `${family} from the host`);
      assert.match(from("c2", hostAddress[family]), /^c1 /, `${family} from a neighbour`);
      assert.match(from("c1", hostAddress[family]), /^c1 /, `${family} from itself`);
      assert.match(from("c2", outside[family]), /^outside /, `${family} to another host's port`);
    }
    assert.equal(ask(host, "outside", hostAddress.ipv4, 9000), `c1 ${outside.ipv4}`);
    assert.equal(ask(host, "c2", hostAddress.ipv4, 9000), `c1 ${gateway.ipv4}`);
    assert.equal(ask(host, undefined, "127.0.0.1", 9000), `c1 ${gateway.ipv4}`);
    succeed(host, "DEL", setting);
    for (const family of families) assert.equal(ask(host, "outside", hostAddress[family], 9000), "");
  });
}
