import assert from "node:assert/strict";
import { test } from "node:test";
import { BusTimeout, BusUnavailable, DbusError } from "../../dbus/errors.ts";
import { Failure } from "../../errors/failure.ts";
import { SystemError } from "../../errors/system-error.ts";
import { outOfReach } from "../../iptables/removal.ts";
import { joinRule } from "../../iptables/rule.ts";
import { IptablesUnavailable } from "../../iptables/unavailable.ts";
import { openNetns } from "../../linux/netns.ts";
import { startFailure } from "../../linux/start-failure.ts";
import { readSysctl } from "../../linux/sysctl.ts";
import { NftablesRefusal } from "../../nftables/refusal.ts";
import { requireMac } from "../../rtnetlink/link.ts";
import { asCniError, withContext } from "./as-cni-error.ts";
import { CniError } from "./cni-error.ts";

function thrown(work: () => unknown): unknown {
  try {
    work();
  } catch (error) {
    return error;
  }
  assert.fail("it succeeded");
}

function reported(error: unknown): readonly [code: number | undefined, details: string | undefined] {
  const known = asCniError(error);
  if (error instanceof Error && known !== undefined) assert.equal(known.message, error.message);
  return [known?.code, known?.details];
}

const outOfOrder = "the kernel lacks this feature: see the kernel options in README.md";
const netnsFile = "CNI_NETNS must be a file like /run/netns/NAME or /proc/PID/ns/net";
const netnsPath =
  "CNI_NETNS must be the path of the container's network namespace, as the runtime or `ip netns add` made it";
const entering = new SystemError("error switching to ns /x", "EINVAL");
const enteringFails = new SystemError("error switching to ns /x", "EOPNOTSUPP");

const cases: readonly [name: string, error: unknown, code: number, details: string | RegExp][] = [
  ["the kernel refuses", new SystemError("x", "EINVAL"), 100, ""],
  ["the kernel lacks something", new SystemError("x", "EOPNOTSUPP"), 100, outOfOrder],
  ["the advice of who refuses", new SystemError("x", "EOPNOTSUPP", "", { advice: "do" }), 100, "do"],
  ["a batch is refused", new NftablesRefusal("x", "ENOENT", "", ""), 100, ""],
  ["a batch is refused by errno", new NftablesRefusal("x", "EROFS", "", ""), 100, /mounted read-only/],
  ["a batch lacks an option", new NftablesRefusal("x", "ENOENT", "", "CONFIG_X"), 100, "CONFIG_X"],
  ["no such namespace", thrown(() => openNetns("/nonexistent/x")), 8, netnsPath],
  ["another file than a namespace", thrown(() => openNetns("/")), 8, netnsFile],
  ["no entry", new Failure("netns", "x", { cause: entering }), 8, "it must be a network namespace"],
  ["no entry, for a reason", new Failure("netns", "x", { cause: enteringFails }), 8, outOfOrder],
  ["a parameter elsewhere", thrown(() => readSysctl("net/../x")), 7, /^no part of the path may be empty/],
  ["a control character", thrown(() => joinRule(["a\nb"])), 7, "remove it from the config"],
  ["no MAC", thrown(() => requireMac("x")), 7, /^write it as six pairs of hex digits/],
  ["no process to spare", startFailure("x", new SystemError("y", "EAGAIN")), 11, /^processes, open files/],
  ["no permission to start", startFailure("x", new SystemError("y", "EPERM")), 100, /^the program is there/],
  ["no iptables", new IptablesUnavailable("missing", "x", { advice: "install it" }), 101, "install it"],
  ["iptables fails", new IptablesUnavailable("failed", "x", { advice: "exit status 1" }), 102, /^exit/],
  ["iptables of the other variant", outOfReach(6, "chain X"), 101, /"ip6tables" in PATH .* DEL succeeds/],
  ["no bus", new BusUnavailable("x", true), 101, /^dbus-daemon or dbus-broker has to run/],
  ["a slow bus", new BusTimeout("x", 1000), 11, /^it may be busy/],
  ["an error reply", new DbusError("org.x", "words"), 102, "D-Bus error org.x"],
  ["a file that cannot be used", new Failure("unusable", "x", { advice: "smaller" }), 5, "smaller"],
];

for (const [name, error, code, details] of cases) {
  test(`code and details: ${name}`, () => {
    const [itsCode, itsDetails = ""] = reported(error);
    assert.equal(itsCode, code);
    if (typeof details === "string") assert.equal(itsDetails, details);
    else assert.match(itsDetails, details);
  });
}

test("errnos of the kernel that Node.js does not know are explained", () => {
  assert.match(asCniError(new SystemError("x", -54))?.details ?? "", /1024 ports/);
});

test("root is not told to be root", (t) => {
  let euid = 0;
  const { geteuid } = process;
  t.after(() => Object.assign(process, { geteuid }));
  Object.assign(process, { geteuid: () => euid });
  const details = (errno: string) => asCniError(new SystemError("x", errno))?.details ?? "";
  assert.match(details("EPERM"), /CAP_NET_ADMIN and CAP_SYS_ADMIN/);
  for (const errno of ["EPERM", "EACCES"]) assert.doesNotMatch(details(errno), /as root/);
  euid = 1000;
  for (const errno of ["EPERM", "EACCES"]) assert.match(details(errno), /run the plugin as root/);
});

test("a failure is the cause of its report; a CniError is its own; a mistake has none", () => {
  const failure = new Failure("busy", "x");
  assert.equal(asCniError(failure)?.cause, failure);
  const error = new CniError(7, "x");
  assert.equal(asCniError(error), error);
  assert.equal(asCniError(new TypeError("x")), undefined);
});

test("context goes in front and keeps code and details", () => {
  const error = withContext("range set 0", new CniError(7, "no subnet", "add one"));
  assert.ok(error instanceof CniError);
  assert.deepEqual([error.code, error.message, error.details], [7, "range set 0: no subnet", "add one"]);
  const system = withContext("y", new SystemError("x", "EROFS"));
  assert.ok(system instanceof CniError && system.code === 100 && system.details.includes("read-only"));
  const other = new TypeError("x");
  assert.equal(withContext("y", other), other);
});
