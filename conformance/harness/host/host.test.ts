import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readlinkSync } from "node:fs";
import { test } from "node:test";
import { hostFor } from "./host.ts";
import { ipJson } from "./inspect.ts";
import { waitUntil } from "./wait.ts";

test("a host starts empty, with its own namespaces, and what is written in it stays in it", async (t) => {
  const host = await hostFor(t);
  assert.deepEqual(
    ipJson(host, ["link"]).map((link) => link["ifname"]),
    ["lo"],
  );
  host.addNetns("c1");
  host.writeFile("/etc/cni/net.d/x", "text");
  host.writeFile("/var/lib/cni/x", "text");
  assert.equal(host.run("cat", ["/etc/cni/net.d/x", "/var/lib/cni/x"]).stdout, "texttext");
  for (const path of ["/etc/cni/net.d/x", "/var/lib/cni/x", "/run/netns/c1"])
    assert.ok(!existsSync(path), path);
  assert.notEqual(
    host.run("readlink", ["/proc/self/ns/net"]).stdout.trim(),
    readlinkSync("/proc/self/ns/net"),
  );
});

test("a command's failure is thrown with what it printed", async (t) => {
  const host = await hostFor(t);
  assert.throws(() => host.run("sh", ["-c", "echo why >&2; exit 3"]), /status 3\n.*\n.*why/);
});

test("a host and its processes end when the test process is killed", async () => {
  const script = `
    import { Host } from "${new URL("host.ts", import.meta.url).href}";
    const host = await Host.create();
    host.spawn("sleep", ["1000000"]);
    console.log(host.outside("/"));
    setInterval(() => {}, 1000);
  `;
  const tester = spawn(process.execPath, ["--input-type=module", "--eval", script], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const [line] = await once(tester.stdout.setEncoding("utf8"), "data");
  const holder = String(line).trim().replace("/root/", "");
  assert.ok(existsSync(`${holder}/ns/net`));
  tester.kill("SIGKILL");
  await waitUntil("the host ends", () => !existsSync(`${holder}/ns/net`));
});
