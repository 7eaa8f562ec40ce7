import assert from "node:assert/strict";
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import {
  closeSync,
  constants,
  createReadStream,
  existsSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { compileCache } from "../../conformance/harness/host/command.ts";

const config = { cniVersion: "1.0.0", name: "net", type: "fixture" };

const environment = {
  ...compileCache,
  CNI_COMMAND: "ADD",
  CNI_CONTAINERID: "c1",
  CNI_NETNS: "/nonexistent/netns",
  CNI_IFNAME: "eth0",
  CNI_PATH: "/opt/cni/bin",
};

type Variables = Record<string, string>;

/**
 * A throw-away plugin. Each handler writes the file `ran`; `handlers` replaces members of the plugin, as source text
 * in which CniError is known.
 */
function fixture(t: TestContext, handlers = "") {
  const folder = mkdtempSync(join(tmpdir(), "run-plugin-test-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const url = (path: string) => JSON.stringify(new URL(path, import.meta.url).href);
  const file = join(folder, "plugin.ts");
  writeFileSync(
    file,
    `
    import { writeFileSync } from "node:fs";
    import { runPlugin } from ${url("run-plugin.ts")};
    import { CniError } from ${url("./errors/cni-error.ts")};
    const note = (command) => writeFileSync(${JSON.stringify(join(folder, "ran"))}, command);
    const empty = { interfaces: [], ips: [], routes: [], dns: {} };
    runPlugin({
      name: "fixture",
      versions: ["0.4.0", "1.0.0", "1.1.0"],
      add: () => { note("ADD"); return empty; },
      del: () => note("DEL"),
      check: () => note("CHECK"),
      gc: (request, valid) => note("GC " + valid.length),
      status: () => note("STATUS"),
      ${handlers}
    });
    `,
  );
  const argv = [process.execPath, "--disable-warning=ExperimentalWarning", file] as const;
  return {
    folder,
    argv,
    ran: () => existsSync(join(folder, "ran")),
    call: (variables: Variables = {}, input: string | Buffer = JSON.stringify(config)) => {
      const [node, ...args] = argv;
      const { status, stdout, stderr } = spawnSync(node, args, {
        env: { ...environment, ...variables },
        input,
        encoding: "utf8",
      });
      return { status, stdout, stderr };
    },
  };
}

function failed(code: number, msg: string | RegExp, outcome: ReturnType<ReturnType<typeof fixture>["call"]>) {
  assert.equal(outcome.status, 1);
  assert.equal(outcome.stderr, "");
  const error: unknown = JSON.parse(outcome.stdout);
  assert.ok(typeof error === "object" && error !== null && "code" in error && "msg" in error);
  assert.equal(error.code, code);
  if (typeof msg === "string") assert.equal(error.msg, msg);
  else assert.match(String(error.msg), msg);
}

test("ADD prints the result in the config's version and ends with 0", (t) => {
  const { call, ran } = fixture(t);
  const { status, stdout, stderr } = call();
  assert.deepEqual([status, stderr], [0, ""]);
  assert.deepEqual(JSON.parse(stdout), { cniVersion: "1.0.0" });
  assert.ok(ran());
});

test("the other commands print nothing and end with 0", (t) => {
  for (const CNI_COMMAND of ["DEL", "CHECK", "GC", "STATUS"]) {
    const { call, ran } = fixture(t);
    const document = { ...config, cniVersion: "1.1.0", "cni.dev/valid-attachments": [] };
    assert.deepEqual(call({ CNI_COMMAND }, JSON.stringify(document)), { status: 0, stdout: "", stderr: "" });
    assert.ok(ran(), CNI_COMMAND);
  }
});

test("VERSION needs no input, not even an open standard input", (t) => {
  const { argv, ran } = fixture(t);
  const { status, stdout, stderr } = spawnSync("sh", ["-c", 'exec "$@" <&-', "sh", ...argv], {
    env: { CNI_COMMAND: "VERSION" },
    encoding: "utf8",
  });
  assert.deepEqual([status, stderr], [0, ""]);
  assert.deepEqual(JSON.parse(stdout), {
    cniVersion: "1.1.0",
    supportedVersions: ["0.4.0", "1.0.0", "1.1.0"],
  });
  assert.ok(!ran());
});

test("started by hand it says on standard error what it is", (t) => {
  const { call, ran } = fixture(t);
  const { status, stdout, stderr } = call({ CNI_COMMAND: "" }, "");
  assert.deepEqual([status, stdout], [0, ""]);
  assert.match(
    stderr,
    /^CNI fixture plugin .*\nCNI protocol versions supported: 0\.4\.0, 1\.0\.0, 1\.1\.0\n$/,
  );
  assert.ok(!ran());
});

test("a handler's error is printed with its code, message and details, and ends with 1", (t) => {
  const { call } = fixture(t, 'del: () => { throw new CniError(11, "not now", "try again"); },');
  const outcome = call({ CNI_COMMAND: "DEL" });
  failed(11, "not now", outcome);
  assert.equal(JSON.parse(outcome.stdout).details, "try again");
});

test("a mistake of ours is an error object as well, and nothing goes to standard error", (t) => {
  for (const [thrown, msg] of [
    ['new TypeError("x is undefined")', "x is undefined"],
    ['"text"', "text"],
    ["undefined", "undefined"],
  ] as const) {
    failed(999, msg, fixture(t, `add: () => { throw ${thrown}; },`).call());
  }
});

test("what goes wrong while an error is told is an error object as well", (t) => {
  const handlers = 'del: () => { throw { toString() { throw new Error("unspeakable"); } }; },';
  const { call } = fixture(t, handlers);
  failed(999, "unspeakable", call({ CNI_COMMAND: "DEL" }));
});

test("an error in decoding is reported", (t) => {
  const refuse = '() => { throw new CniError(7, "bad config"); }';
  const { call, ran } = fixture(t, ["add", "del", "check"].map((name) => `${name}: ${refuse},`).join(""));
  for (const CNI_COMMAND of ["ADD", "DEL", "CHECK"]) failed(7, "bad config", call({ CNI_COMMAND }));
  assert.ok(!ran());
});

test("a result that the config's version cannot express is an error, and the ADD is undone", (t) => {
  const { call, folder } = fixture(t, 'versions: ["0.2.0"],');
  const outcome = call({}, JSON.stringify({ ...config, cniVersion: "0.2.0" }));
  failed(7, "cannot convert: no valid IP addresses", outcome);
  assert.equal(readFileSync(join(folder, "ran"), "utf8"), "DEL");
});

test("input and environment that are wrong are reported before any handler runs", (t) => {
  const { call, ran } = fixture(t);
  failed(6, /^error unmarshall network config: /, call({}, "{"));
  failed(6, /^error unmarshall network config: /, call({}, ""));
  failed(6, /^error unmarshall network config: /, call({}, "[]"));
  failed(6, /expected a string/, call({}, JSON.stringify({ ...config, name: 5 })));
  failed(7, "missing network name", call({}, "null"));
  failed(7, "missing network name", call({}, JSON.stringify({ cniVersion: "1.0.0" })));
  failed(7, "invalid characters found in network name", call({}, JSON.stringify({ ...config, name: "a/b" })));
  failed(1, /incompatible CNI versions/, call({}, JSON.stringify({ ...config, cniVersion: "9.0.0" })));
  failed(4, "unknown CNI_COMMAND: EAT", call({ CNI_COMMAND: "EAT" }));
  failed(4, "required env variables [CNI_CONTAINERID] missing", call({ CNI_CONTAINERID: "" }));
  assert.ok(!ran());
});

test("a closed standard input is an empty one", (t) => {
  const { argv } = fixture(t);
  const { status, stdout, stderr } = spawnSync("sh", ["-c", 'exec "$@" <&-', "sh", ...argv], {
    env: environment,
    encoding: "utf8",
  });
  failed(6, /^error unmarshall network config: /, { status, stdout, stderr });
});

test("a standard input that is a directory is an error object", (t) => {
  const { argv } = fixture(t);
  const { status, stdout, stderr } = spawnSync("sh", ["-c", 'exec "$@" </tmp', "sh", ...argv], {
    env: environment,
    encoding: "utf8",
  });
  failed(5, /^error reading from stdin: .*EISDIR/, { status, stdout, stderr });
});

test("input comes whole through a pipe that does not block", async (t) => {
  const { folder, argv, ran } = fixture(t);
  const fifo = makeFifo(folder);
  const reader = openSync(fifo, constants.O_RDONLY | constants.O_NONBLOCK);
  const writer = openSync(fifo, constants.O_WRONLY);
  const child = spawn("sh", ["-c", 'exec "$@" <&3', "sh", ...argv], {
    env: environment,
    stdio: ["ignore", "pipe", "inherit", reader],
  });
  closeSync(reader);
  const output = outputOf(child);
  const text = JSON.stringify(config);
  // Lets the plugin look for input that is not there yet.
  await delay(300);
  writeSync(writer, text.slice(0, 10));
  await delay(50);
  writeSync(writer, text.slice(10));
  closeSync(writer);
  const { status, stdout } = await output;
  assert.equal(status, 0);
  assert.deepEqual(JSON.parse(stdout), { cniVersion: "1.0.0" });
  assert.ok(ran());
});

for (const [title, nonBlocking] of [
  ["a pipe", 0],
  ["a pipe that does not block", constants.O_NONBLOCK],
] as const) {
  test(`a large result arrives whole at a slow reader through ${title}`, async (t) => {
    const { folder, argv } = fixture(
      t,
      "add: () => ({ ...empty, interfaces: Array.from({ length: 20000 }, () => ({ name: 'name' })) }),",
    );
    const fifo = makeFifo(folder);
    const writer = openSync(fifo, constants.O_RDWR | nonBlocking);
    const reader = createReadStream(fifo, { encoding: "utf8" });
    await once(reader, "open");
    const child = spawn("sh", ["-c", 'exec "$@" >&3', "sh", ...argv], {
      env: environment,
      stdio: ["pipe", "ignore", "inherit", writer],
    });
    closeSync(writer);
    child.stdin?.end(JSON.stringify(config));
    await once(reader, "readable");
    // Lets the plugin run into the full pipe.
    await delay(100);
    const ended = once(child, "close");
    let stdout = "";
    for await (const part of reader) stdout += part;
    assert.equal(JSON.parse(stdout).interfaces.length, 20_000);
    assert.deepEqual(await ended, [0, null]);
  });
}

test("a result that cannot be delivered is a failure, and the ADD is undone", (t) => {
  const { argv, folder } = fixture(t);
  const { status } = spawnSync("sh", ["-c", 'exec "$@" >/dev/full', "sh", ...argv], {
    env: environment,
    input: JSON.stringify(config),
  });
  assert.equal(status, 1);
  assert.equal(readFileSync(join(folder, "ran"), "utf8"), "DEL");
});

test("ADD and CHECK refuse the plugin's own namespace before anything runs", (t) => {
  const { call, ran } = fixture(t);
  const text = "plugin's netns and netns from CNI_NETNS should not be the same";
  for (const CNI_NETNS of ["/proc/self/ns/net", `/proc/${process.pid}/ns/net`]) {
    for (const CNI_COMMAND of ["ADD", "CHECK"]) failed(8, text, call({ CNI_COMMAND, CNI_NETNS }));
  }
  assert.ok(!ran());
});

test("DEL works where CNI_NETNS is the plugin's own namespace by now", (t) => {
  const { call, ran } = fixture(t);
  assert.equal(call({ CNI_COMMAND: "DEL", CNI_NETNS: "/proc/self/ns/net" }).status, 0);
  assert.ok(ran());
});

test("a runtime may say that the plugin's own namespace is meant", (t) => {
  for (const CNI_NETNS_OVERRIDE of ["1", "true"]) {
    const { call, ran } = fixture(t);
    assert.equal(call({ CNI_NETNS: "/proc/self/ns/net", CNI_NETNS_OVERRIDE }).status, 0);
    assert.ok(ran());
  }
});

/** A pipe with a name. What is opened by it keeps its mode also in a child, unlike a pipe that node makes. */
function makeFifo(folder: string): string {
  const path = join(folder, "fifo");
  assert.equal(spawnSync("mkfifo", [path]).status, 0);
  return path;
}

async function outputOf(child: ChildProcess): Promise<{ status: unknown; stdout: string }> {
  let stdout = "";
  child.stdout?.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
  });
  const [status] = await once(child, "close");
  return { status, stdout };
}
