import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import fc from "fast-check";
import { hostFor } from "../../conformance/harness/host/host.ts";
import { isErrno } from "../errors/system-error.ts";
import { inNetns, openNetns } from "./netns.ts";
import { ensureSysctl, linkSysctl, readSysctl, withSysctl, writeSysctl } from "./sysctl.ts";

async function scratch(t: TestContext) {
  const host = await hostFor(t);
  const netns = openNetns(host.outside(host.addNetns("a")));
  t.after(() => netns.close());
  return {
    inside: <T>(work: () => T): T => inNetns(netns, work),
    ip: (...args: string[]) => host.inNetns("a", "ip", args),
    /** As other tools see it in the namespace. */
    shown: (path: string) => host.inNetns("a", "cat", [`/proc/sys/${path}`]).stdout,
  };
}

const forwarding = "net/ipv4/ip_forward";

test("a value is set in the thread's namespace only", async (t) => {
  const { inside, shown } = await scratch(t);
  const machine = readSysctl(forwarding);
  for (const value of ["1", "0", "1"]) {
    inside(() => writeSysctl(forwarding, value));
    assert.equal(shown(forwarding), `${value}\n`);
    assert.equal(
      inside(() => readSysctl(forwarding)),
      value,
    );
    assert.equal(readSysctl(forwarding), machine);
  }
});

test("values with blanks and tabs are read as they are", async (t) => {
  const { inside, shown } = await scratch(t);
  const path = "net/ipv4/ip_local_port_range";
  inside(() => writeSysctl(path, "20000 30000"));
  assert.equal(
    inside(() => readSysctl(path)),
    "20000\t30000",
  );
  assert.equal(shown(path), "20000\t30000\n");
});

test("interfaces whose names hold dots have their parameters", async (t) => {
  const { inside, ip, shown } = await scratch(t);
  ip("link", "add", "eth0.5", "type", "veth", "peer", "name", "v1");
  const path = "net/ipv4/conf/eth0.5/arp_notify";
  inside(() => writeSysctl(path, "1"));
  assert.equal(shown(path), "1\n");
});

test("a parameter that has the value already is left alone", async (t) => {
  const { inside } = await scratch(t);
  inside(() => {
    writeSysctl(forwarding, "0");
    assert.equal(ensureSysctl(forwarding, "1"), true);
    assert.equal(ensureSysctl(forwarding, "1"), false);
    assert.equal(readSysctl(forwarding), "1");
  });
});

test("failures name the parameter, the value and the errno", async (t) => {
  const { inside } = await scratch(t);
  const fails = (work: () => void, errno: string, start: string) =>
    assert.throws(
      () => inside(work),
      (error) =>
        isErrno(error, errno) && error instanceof Error && error.message.startsWith(`${start}: ${errno}`),
    );
  const none = "net/ipv4/conf/none/arp_notify";
  fails(() => readSysctl(none), "ENOENT", `cannot read sysctl /proc/sys/${none}`);
  fails(() => writeSysctl(none, "1"), "ENOENT", `cannot set sysctl /proc/sys/${none} to "1"`);
  fails(() => writeSysctl(forwarding, "yes"), "EINVAL", `cannot set sysctl /proc/sys/${forwarding} to "yes"`);
  fails(() => readSysctl("net/ipv4"), "EISDIR", "cannot read sysctl /proc/sys/net/ipv4");
  fails(
    () => writeSysctl("kernel/ostype", "x"),
    "EACCES",
    'cannot set sysctl /proc/sys/kernel/ostype to "x"',
  );
});

test("a value for a while only, also when what is done then fails", async (t) => {
  const { inside, shown } = await scratch(t);
  inside(() => writeSysctl(forwarding, "0"));
  const seen: string[] = [];
  const failing = (): void => {
    seen.push(shown(forwarding));
    throw new Error("as expected");
  };
  assert.throws(() => inside(() => withSysctl(forwarding, "1", failing)), /as expected/);
  assert.deepEqual(seen, ["1\n"]);
  assert.equal(shown(forwarding), "0\n");
});

test("no path leads out of /proc/sys, and no name out of its folder", async (t) => {
  const { inside } = await scratch(t);
  const refused = (work: () => unknown, what: string) =>
    assert.throws(work, (error) => isErrno(error, "EINVAL"), what);
  for (const path of [
    "",
    "/net/ipv4/ip_forward",
    "net//ipv4/ip_forward",
    "net/./ipv4/ip_forward",
    "net/ipv4/../ipv4/ip_forward",
    "../sysrq-trigger",
    "net/ipv4/ip_forward/",
    "net/ipv4/ip_forward\0x",
  ]) {
    refused(() => inside(() => readSysctl(path)), path);
    refused(() => inside(() => writeSysctl(path, "1")), path);
  }
  for (const name of ["", ".", "..", "all", "default", "a/b", "../all", "a\0b"]) {
    refused(() => linkSysctl(4, name, "arp_notify"), name);
  }
  const part = fc.oneof(
    fc.constantFrom("..", ".", "", "/", "all", "default", "eth0", "eth0.5", "\0", "..."),
    fc.string(),
  );
  fc.assert(
    fc.property(fc.array(part), (parts) => {
      let path: string;
      try {
        path = linkSysctl(6, parts.join("/"), "accept_ra");
      } catch (error) {
        return isErrno(error, "EINVAL");
      }
      const normal = new URL(`file:///${path.split("/").map(encodeURIComponent).join("/")}`).pathname;
      return /^\/net\/ipv6\/conf\/(?!all\/|default\/)[^/]+\/accept_ra$/.test(normal);
    }),
  );
});

/** A folder in place of /proc/sys, as only root could put there, with links out of it. */
const replaced = `
import { readSysctl, writeSysctl } from ${JSON.stringify(`${import.meta.dirname}/sysctl.ts`)};
for (const path of ["link", "folder/file", "file"]) {
  for (const call of [() => readSysctl(path), () => writeSysctl(path, "x")]) {
    try { console.log(call() ?? "written"); } catch (error) { console.log(error.errno); }
  }
}`;

test("links below /proc/sys are not followed", async (t) => {
  const host = await hostFor(t);
  host.writeFile("/run/secret/file", "root's");
  const script = [
    "mount -t tmpfs none /proc/sys; ln -s /run/secret/file /proc/sys/link; ln -s /run/secret /proc/sys/folder",
    "echo value > /proc/sys/file",
    `exec "$0" --input-type=module-typescript -e "$1"`,
  ].join("; ");
  const { stdout } = host.run("sh", ["-c", script, process.execPath, replaced]);
  assert.deepEqual(stdout.trim().split("\n"), ["ELOOP", "ELOOP", "ELOOP", "ELOOP", "value", "written"]);
  assert.equal(host.readFile("/run/secret/file"), "root's");
});
