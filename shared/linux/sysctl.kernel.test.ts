import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { hostFor } from "../../conformance/harness/host.ts";
import { isErrno } from "../errors/system-error.ts";
import { inNetns, openNetns } from "./netns.ts";
import { ensureSysctl, readSysctl, withSysctl, writeSysctl } from "./sysctl.ts";

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
