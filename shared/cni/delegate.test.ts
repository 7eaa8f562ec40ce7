import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { closeSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { formatPrefix } from "../ip/prefix.ts";
import { delegate, delegateAdd } from "./delegate.ts";
import { CniError } from "./errors/cni-error.ts";
import type { Request } from "./plugin.ts";

const network = '{"cniVersion":"1.0.0", "name":"net","type":"bridge",  "ipam":{"type":"ipam"}}\n';

/** Two plugin directories, `a` before `b` in CNI_PATH. */
function setting(t: TestContext) {
  const folder = mkdtempSync(join(tmpdir(), "delegate-test-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  for (const name of ["a", "b"]) mkdirSync(join(folder, name));
  const install = (script: string, { name = "ipam", directory = "a", mode = 0o755 } = {}): string => {
    const file = join(folder, directory, name);
    writeFileSync(file, `#!/bin/sh\n${script}\n`, { mode });
    return file;
  };
  const request = (changes: Partial<Request> = {}): Request => ({
    command: "ADD",
    containerId: "c1",
    netns: "/run/netns/c1",
    ifname: "eth0",
    args: "",
    path: `${folder}/a:${folder}/b`,
    network: "net",
    cniVersion: "1.0.0",
    stdin: Buffer.from(network),
    document: {},
    repeatedKeys: [],
    ...changes,
  });
  return { folder, install, request };
}

function failure(work: () => unknown): CniError {
  try {
    work();
  } catch (error) {
    assert.ok(error instanceof CniError, String(error));
    return error;
  }
  throw new Error("it succeeded");
}

function print(document: unknown): string {
  return `cat <<'END'\n${JSON.stringify(document)}\nEND`;
}

const result = { cniVersion: "1.0.0", ips: [{ address: "10.1.0.5/24", gateway: "10.1.0.1" }] };

test("the first directory of CNI_PATH that has the plugin counts", (t) => {
  const { install, request } = setting(t);
  install(print(result), { directory: "b" });
  const addresses = () =>
    delegateAdd(request(), { type: "ipam" }).ips.map(({ address }) => formatPrefix(address));
  assert.deepEqual(addresses(), ["10.1.0.5/24"]);
  install(print({ ...result, ips: [{ address: "10.9.9.9/24" }] }), { directory: "a" });
  assert.deepEqual(addresses(), ["10.9.9.9/24"]);
});

test("directories are passed over, and so are places that cannot be looked at", (t) => {
  const { folder, install, request } = setting(t);
  install(print(result), { directory: "b" });
  mkdirSync(join(folder, "a", "ipam"));
  writeFileSync(join(folder, "file"), "");
  const path = `${folder}/a:${folder}/missing:${folder}/file:/${"x".repeat(300)}:${folder}/b`;
  assert.equal(delegateAdd(request({ path }), { type: "ipam" }).ips.length, 1);
});

test("a plugin that is nowhere: the places are named", (t) => {
  const { folder, request } = setting(t);
  const { code, message, details } = failure(() => delegateAdd(request(), { type: "ipam" }));
  assert.equal(code, 101);
  assert.equal(message, `failed to find plugin "ipam" in path [${folder}/a ${folder}/b]`);
  assert.match(details, /CNI_PATH/);
  const long = failure(() => delegateAdd(request(), { type: "x".repeat(300) }));
  assert.equal(long.code, 101);
});

test("a name that leads elsewhere is refused, and nothing is run", (t) => {
  const { folder, install, request } = setting(t);
  install(`touch ${folder}/ran`);
  for (const type of ["", ".", "..", "../a/ipam", "/bin/sh", "a/../ipam", "ipam/", "ipam\0"]) {
    const { code, message } = failure(() => delegateAdd(request(), { type }));
    assert.equal(code, 7);
    assert.equal(message, `invalid plugin name: ${JSON.stringify(type)}`);
  }
  assert.throws(() => readFileSync(`${folder}/ran`));
});

test("the result is read in the form that its own version has", (t) => {
  const { install, request } = setting(t);
  const oldest = { cniVersion: "0.2.0", ip4: { ip: "10.1.0.5/24", gateway: "10.1.0.1" } };
  install(print(oldest));
  const { ips } = delegateAdd(request({ cniVersion: "1.0.0" }), { type: "ipam" });
  assert.deepEqual(
    ips.map(({ address }) => formatPrefix(address)),
    ["10.1.0.5/24"],
  );
});

test("a result without a version has the network's", (t) => {
  const { install, request } = setting(t);
  install(print({ ip4: { ip: "10.1.0.5/24" } }));
  assert.equal(delegateAdd(request({ cniVersion: "0.2.0" }), { type: "ipam" }).ips.length, 1);
  install(print({ ips: [{ version: "4", address: "10.1.0.5/24" }] }));
  assert.equal(delegateAdd(request({ cniVersion: "0.4.0" }), { type: "ipam" }).ips.length, 1);
});

test("a result of a version that nobody knows is refused", (t) => {
  const { install, request } = setting(t);
  install(print({ ...result, cniVersion: "7.0.0" }));
  const { code, message } = failure(() => delegateAdd(request(), { type: "ipam" }));
  assert.equal(code, 1);
  assert.match(message, /result of IPAM plugin "ipam".*"7\.0\.0"/);
});

test("standard output that is no JSON object", (t) => {
  const { install, request } = setting(t);
  for (const script of ["echo junk", "echo '[1]'", ":", `${print(result)}\necho more`]) {
    install(script);
    const { code, message, details } = failure(() => delegateAdd(request(), { type: "ipam" }));
    assert.equal(code, 6, script);
    assert.match(message, /^failed to unmarshal raw result: /);
    assert.match(details, /"ipam"/);
  }
});

test("the delegate's own error passes through, with the delegate's name", (t) => {
  const { install, request } = setting(t);
  install(`${print({ cniVersion: "1.0.0", code: 11, msg: "no address left", details: "wait" })}\nexit 1`);
  const error = failure(() => delegateAdd(request(), { type: "ipam" }));
  assert.deepEqual([error.code, error.message], [11, "no address left"]);
  assert.equal(error.details, 'wait (reported by IPAM plugin "ipam")');
  install(`${print({ code: 4, msg: "bad" })}\necho noise >&2\nexit 3`);
  const short = failure(() => delegate(request(), { type: "ipam" }, "DEL"));
  assert.deepEqual([short.code, short.message, short.details], [4, "bad", 'reported by IPAM plugin "ipam"']);
});

test("an error object that says nothing still tells who failed", (t) => {
  const { install, request } = setting(t);
  install("echo '{}'; exit 7");
  const { code, message } = failure(() => delegateAdd(request(), { type: "ipam" }));
  assert.equal(code, 102);
  assert.match(message, /IPAM plugin "ipam" failed with no error message: exit status 7/);
});

test("a failure that says why on standard error only", (t) => {
  const { install, request } = setting(t);
  install("echo panic: oops >&2; exit 2");
  const { code, message, details } = failure(() => delegateAdd(request(), { type: "ipam" }));
  assert.equal(code, 102);
  assert.equal(message, 'IPAM plugin "ipam" failed: "panic: oops\\n"');
  assert.match(details, /exit status 2/);
});

test("a failure that says nothing", (t) => {
  const { install, request } = setting(t);
  install("exit 5");
  const { code, message } = failure(() => delegateAdd(request(), { type: "ipam" }));
  assert.equal(code, 102);
  assert.equal(message, 'IPAM plugin "ipam" failed with no error message: exit status 5');
});

test("a failure with junk on standard output", (t) => {
  const { install, request } = setting(t);
  for (const junk of ["junk", '"junk"', '{"code":"junk"}', '{"msg":']) {
    install(`echo '${junk}'; exit 1`);
    const { code, message } = failure(() => delegateAdd(request(), { type: "ipam" }));
    assert.equal(code, 102, junk);
    assert.match(message, /IPAM plugin "ipam" failed but error parsing its diagnostic message .*junk|msg/);
  }
});

test("a delegate that a signal ended, whether it had read its input or not", (t) => {
  const { install, request } = setting(t);
  const large = Buffer.concat([Buffer.from(network), Buffer.alloc(1024 ** 2, " ")]);
  for (const stdin of [Buffer.from(network), large]) {
    install("kill -KILL $$");
    const { code, message } = failure(() => delegateAdd(request({ stdin }), { type: "ipam" }));
    assert.equal(code, 102);
    assert.equal(message, 'IPAM plugin "ipam" failed with no error message: signal SIGKILL');
  }
});

test("a delegate need not read its input", (t) => {
  const { install, request } = setting(t);
  install("exec 0<&-; exit 0");
  delegate(request({ stdin: Buffer.alloc(1024 ** 2, " ") }), { type: "ipam" }, "DEL");
});

test("a file that cannot be run", (t) => {
  const { install, request } = setting(t);
  const file = install("", { mode: 0o644 });
  const { code, message } = failure(() => delegateAdd(request(), { type: "ipam" }));
  assert.equal(code, 101);
  assert.equal(message, `cannot run IPAM plugin ${file}: EACCES`);
});

test("standard input arrives byte for byte, also what is no UTF-8", (t) => {
  const { folder, install, request } = setting(t);
  install(`cat > ${folder}/stdin`);
  const stdin = Buffer.concat([
    Buffer.from(network),
    Buffer.from([0xff, 0, 0xc3, 0x28]),
    Buffer.alloc(200_000, "x"),
  ]);
  delegate(request({ stdin }), { type: "ipam" }, "CHECK");
  assert.ok(readFileSync(`${folder}/stdin`).equals(stdin));
});

test("of the environment only the command is replaced", (t) => {
  const { folder, install, request } = setting(t);
  install(`env -0 > ${folder}/env`);
  const variables = {
    CNI_COMMAND: "ADD",
    CNI_CONTAINERID: "c1",
    CNI_ARGS: "IgnoreUnknown=1;K8S=x y",
    OTHER: "käse\nline",
    PATH: process.env["PATH"] ?? "",
  };
  inEnvironment(variables, () => delegate(request(), { type: "ipam" }, "DEL"));
  const seen = readFileSync(`${folder}/env`, "utf8").split("\0");
  // The shell adds what it keeps itself.
  const entries = seen.filter((entry) => entry !== "" && !/^(PWD|SHLVL|_|OLDPWD)=/.test(entry)).sort();
  const expected = { ...variables, CNI_COMMAND: "DEL" };
  assert.deepEqual(
    entries,
    Object.entries(expected)
      .map(([name, value]) => `${name}=${value}`)
      .sort(),
  );
});

function inEnvironment(variables: NodeJS.ProcessEnv, work: () => void): void {
  const before = process.env;
  process.env = variables;
  try {
    work();
  } finally {
    process.env = before;
  }
}

test("what a successful delegate writes to standard error is passed on, or lost when that cannot be written", (t) => {
  const { folder, install } = setting(t);
  install(`echo "a warning" >&2\n${print(result)}`);
  const script = `
    import { delegateAdd } from ${JSON.stringify(new URL("delegate.ts", import.meta.url).href)};
    const request = { path: "${folder}/a", cniVersion: "1.0.0", stdin: Buffer.from("{}") };
    process.exitCode = delegateAdd(request, { type: "ipam" }).ips.length === 1 ? 0 : 3;
  `;
  const run = (shell: string) =>
    spawnSync("sh", ["-c", shell, "sh", process.execPath, "--input-type=module", "--eval", script], {
      encoding: "utf8",
    });
  const open = run('exec "$@"');
  assert.deepEqual([open.status, open.stdout, open.stderr], [0, "", "a warning\n"]);
  assert.equal(run('exec "$@" 2>/dev/full').status, 0);
});

test("a plugin that is being replaced this moment is tried again, but not for ever", async (t) => {
  const { install, request } = setting(t);
  const file = install(print(result));
  // Running a file that somebody has open for writing fails with ETXTBSY.
  const holder = spawn("sh", ["-c", 'exec 9>>"$1"; echo held; exec sleep 0.4', "sh", file]);
  t.after(() => holder.kill());
  await once(holder.stdout, "data");
  assert.equal(delegateAdd(request(), { type: "ipam" }).ips.length, 1);

  const writer = openSync(file, "r+");
  t.after(() => closeSync(writer));
  const { code, message } = failure(() => delegateAdd(request(), { type: "ipam" }));
  assert.deepEqual([code, message], [101, `cannot run IPAM plugin ${file}: ETXTBSY`]);
});
