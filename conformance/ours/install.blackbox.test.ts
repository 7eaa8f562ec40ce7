/** `install` and `doctor`, of the linked executable and of a separate one. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";
import { type Host, hostFor } from "../harness/host/host.ts";
import { asObject, parse } from "../harness/host/json.ts";
import { expectPeer, linkedFolder, pluginFolder, pluginNames } from "../harness/plugins/binaries.ts";
import { ensurePeer } from "../harness/plugins/peers.ts";

const skip = expectPeer ? "the Go plugins have no such commands" : false;

function run(host: Host, file: string, args: readonly string[], env: Record<string, string> = {}) {
  const { status, stdout, stderr } = host.run(file, args, { env, check: false });
  assert.equal(stderr, "");
  return { status, stdout };
}

function installOf(host: Host, args: readonly string[], env?: Record<string, string>): string {
  const { status, stdout } = run(host, `${linkedFolder()}/bridge`, ["install", ...args], env);
  assert.equal(status, 0, stdout);
  return stdout;
}

/** What `doctor` finds wrong: a text for each name. */
function problems(host: Host, args: readonly string[], env?: Record<string, string>): Record<string, string> {
  const { status, stdout } = run(host, `${linkedFolder()}/tuning`, ["doctor", ...args], env);
  const lines = stdout.split("\n").filter((line) => line.includes(": PROBLEM: "));
  assert.equal(status, lines.length === 0 ? 0 : 1, stdout);
  return Object.fromEntries(lines.map((line) => line.split(": PROBLEM: ", 2)));
}

function failureOf(host: Host, args: readonly string[], env?: Record<string, string>) {
  const { status, stdout } = run(host, `${linkedFolder()}/bridge`, ["install", ...args], env);
  assert.equal(status, 1, stdout);
  const { code, msg, details } = asObject(parse(stdout));
  return { code, text: `${msg}; ${details}` };
}

const versionLine = (host: Host, file: string) => host.run(file, [], { env: {} }).stderr.split("\n")[0];

function files(host: Host, directory: string): string[] {
  return host
    .run("ls", ["-A", directory])
    .stdout.split("\n")
    .filter((name) => name !== "");
}

const inode = (host: Host, path: string) => host.run("stat", ["-c", "%i %h %a %u:%g", path]).stdout.trim();
const sum = (host: Host, path: string) => host.run("sha256sum", [path]).stdout.split(" ")[0];

test("a directory that is missing gets one file by all names", { skip }, async (t) => {
  const host = await hostFor(t);
  const directory = `${host.tempDir()}/opt/cni/bin`;
  const told = installOf(host, [directory]);
  assert.equal(told.trim().split("\n").length, pluginNames.length);
  assert.deepEqual(files(host, directory), pluginNames);
  const [first = ""] = pluginNames;
  const expected = inode(host, `${directory}/${first}`);
  assert.match(expected, new RegExp(` ${pluginNames.length} 755 0:0$`));
  for (const name of pluginNames) {
    assert.equal(inode(host, `${directory}/${name}`), expected);
    assert.match(versionLine(host, `${directory}/${name}`) ?? "", new RegExp(`^CNI ${name} plugin v\\d`));
  }
  assert.deepEqual(problems(host, [directory]), {});
  assert.match(installOf(host, [directory]), /is in place/);
  assert.equal(inode(host, `${directory}/${first}`), expected);
});

test("with --copies each name is a file of its own, from any umask", { skip }, async (t) => {
  const host = await hostFor(t);
  const directory = `${host.tempDir()}/bin`;
  const script = 'umask 077; exec "$0" install "$1" bridge cnv-bridge --copies';
  host.run("sh", ["-c", script, `${linkedFolder()}/bridge`, directory], { env: {} });
  for (const name of ["bridge", "cnv-bridge"]) {
    assert.match(inode(host, `${directory}/${name}`), / 1 755 0:0$/);
    assert.match(versionLine(host, `${directory}/${name}`) ?? "", /^CNI bridge plugin/);
  }
  assert.equal(host.run("stat", ["-c", "%a", directory]).stdout.trim(), "755");
});

test("by a name that is no plugin's it installs as well", { skip }, async (t) => {
  const host = await hostFor(t);
  const directory = host.tempDir();
  host.run("ln", ["-s", `${linkedFolder()}/bridge`, `${directory}/cni-plugins-ts`]);
  const { status } = run(host, `${directory}/cni-plugins-ts`, ["install", `${directory}/bin`, "loopback"]);
  assert.equal(status, 0);
  assert.deepEqual(files(host, `${directory}/bin`), ["loopback"]);
  const told = run(host, `${directory}/cni-plugins-ts`, ["doctor", `${directory}/bin`, "loopback", "--json"]);
  assert.deepEqual([told.status, asObject(parse(told.stdout))["isWell"]], [0, true]);
});

test("programs that run, Go's plugins and symbolic links are replaced", { skip }, async (t) => {
  const host = await hostFor(t);
  const directory = host.tempDir();
  const { binDir } = ensurePeer("1.9.1");
  host.run("cp", ["/bin/sleep", `${directory}/portmap`]);
  host.run("cp", [`${binDir}/bridge`, directory]);
  host.run("cp", [`${binDir}/tuning`, `${directory}/kept`]);
  host.run("ln", ["-s", "kept", `${directory}/tuning`]);
  const before = problems(host, [directory, "bridge", "tuning"]);
  assert.match(before["bridge"] ?? "", /^Go's bridge v1\.9\.1; .* install /);
  assert.match(before["tuning"] ?? "", /^a symbolic link to kept: Go's tuning v1\.9\.1; /);

  const running = host.spawn(`${directory}/portmap`, ["3600"]);
  await once(running, "spawn");
  const busy = host.run(
    "sh",
    [
      "-c",
      `until cp "$0" "$1" 2>&1 | grep "Text file busy"; do :; done`,
      "/bin/true",
      `${directory}/portmap`,
    ],
    {},
  );
  assert.match(busy.stdout, /busy/);
  const kept = sum(host, `${directory}/kept`);
  installOf(host, [directory]);
  assert.deepEqual(problems(host, [directory]), {});
  assert.equal(running.exitCode, null);
  running.kill();
  assert.equal(sum(host, `${directory}/kept`), kept);
});

test("SKIP_CNI_BINARIES, UPDATE_CNI_BINARIES and CNI_PLUGINS", { skip }, async (t) => {
  const host = await hostFor(t);
  const directory = host.tempDir();
  installOf(host, [directory], { CNI_PLUGINS: "bridge,portmap", SKIP_CNI_BINARIES: "portmap,flannel" });
  assert.deepEqual(files(host, directory), ["bridge"]);
  host.writeFile(`${directory}/bridge`, "another's");
  const told = installOf(host, [directory, "bridge", "loopback"], { UPDATE_CNI_BINARIES: "false" });
  assert.match(told, /bridge: kept/);
  assert.equal(host.readFile(`${directory}/bridge`), "another's");
  assert.deepEqual(files(host, directory), ["bridge", "loopback"]);
  const skipped = { SKIP_CNI_BINARIES: "bridge,firewall,host-local,portmap,tuning" };
  assert.deepEqual(Object.keys(problems(host, [directory], skipped)), ["bridge"]);
  const wrong = failureOf(host, [directory], { UPDATE_CNI_BINARIES: "perhaps" });
  assert.equal(wrong.code, 4);
  assert.match(wrong.text, /UPDATE_CNI_BINARIES/);
});

test("what fails says why, and leaves nothing", { skip }, async (t) => {
  const host = await hostFor(t);
  const directory = host.tempDir();
  host.run("mount", ["-t", "tmpfs", "-o", "size=30M", "small", directory]);
  host.writeFile(`${directory}/bridge`, "another's");
  const full = failureOf(host, [directory]);
  assert.equal(full.code, 5);
  assert.match(full.text, /ENOSPC, no space left on device; \d+ MB of free space/);
  assert.deepEqual(files(host, directory), ["bridge"]);
  assert.equal(host.readFile(`${directory}/bridge`), "another's");

  host.run("mount", ["-o", "remount,ro", directory]);
  assert.match(failureOf(host, [directory]).text, /EROFS, read-only file system; mount /);
  assert.match(failureOf(host, [`${directory}/bridge`]).text, /a file is in the way/);
  assert.match(failureOf(host, []).text, /lacks the directory; usage: /);
  assert.match(
    failureOf(host, [directory, "flannel"]).text,
    /no plugin by the name "flannel"; it has bridge/,
  );

  host.run("mount", ["-o", "remount,rw,noexec,size=100M", directory]);
  assert.match(installOf(host, [directory]), /^warning: .* noexec/m);
  assert.match(problems(host, [directory])["bridge"] ?? "", /noexec/);
});

test("killed at any step, each name is what it was or what it is to be", { skip }, async (t) => {
  const host = await hostFor(t);
  const directory = host.tempDir();
  const names = ["bridge", "loopback", "tuning"];
  const whole = sum(host, `${linkedFolder()}/bridge`);
  const moments = [
    ...["pwrite64:when=1", "pwrite64:when=40", "fchmod:when=1", "fsync:when=1", "fsync:when=2"],
    ...["link:when=1", "link:when=2", "rename:when=1", "rename:when=2", "rename:when=3"],
  ];
  for (const moment of moments) {
    const [call = "", when = ""] = moment.split(":");
    for (const name of names) {
      host.run("rm", ["-f", `${directory}/${name}`]);
      host.writeFile(`${directory}/${name}`, "another's", 0o755);
    }
    const inject = `inject=${call}:signal=SIGKILL:${when}`;
    const options = ["-f", "-qq", "-o", "/dev/null", "-e", `trace=${call}`, "-e", inject];
    const command = [`${linkedFolder()}/bridge`, "install", directory, ...names];
    assert.notEqual(
      host.run("strace", [...options, ...command], { env: {}, check: false }).status,
      0,
      moment,
    );
    for (const name of names) {
      const path = `${directory}/${name}`;
      if (host.run("stat", ["-c", "%s", path]).stdout.trim() !== "9")
        assert.equal(sum(host, path), whole, `${moment}: ${name}`);
    }
    installOf(host, [directory, ...names]);
    assert.deepEqual(files(host, directory), names, moment);
    assert.deepEqual(problems(host, [directory, ...names]), {});
  }
});

test("two installations at once, and calls meanwhile that always find a whole plugin", {
  skip,
}, async (t) => {
  const host = await hostFor(t);
  const directory = host.tempDir();
  const { binDir } = ensurePeer();
  host.run("cp", [`${binDir}/loopback`, `${binDir}/tuning`, directory]);
  const command = [`${linkedFolder()}/bridge`, "install", directory] as const;
  const script =
    'i=0; while [ $i -lt 40 ]; do CNI_COMMAND=VERSION "$0" < /dev/null || exit 1; i=$((i+1)); done';
  const [file, ...args] = command;
  const done = await Promise.all([
    host.runAsync(file, args, { env: {} }),
    host.runAsync(file, [...args, "--copies"], { env: {} }),
    host.runAsync("sh", ["-c", script, `${directory}/loopback`], { env: {}, check: false }),
  ]);
  assert.deepEqual(
    done.map(({ status }) => status),
    [0, 0, 0],
  );
  assert.deepEqual(files(host, directory), pluginNames);
  assert.deepEqual(problems(host, [directory]), {});
});

test("cp over hard links in place gives all names one content, and --copies do not mind", {
  skip,
}, async (t) => {
  const host = await hostFor(t);
  const { binDir } = ensurePeer("1.9.1");
  const theirs = host.tempDir();
  host.run("cp", [`${binDir}/loopback`, `${binDir}/portmap`, theirs]);
  const directory = host.tempDir();
  installOf(host, [directory]);
  // As Flatcar's kubelet.service does it.
  host.run("cp", ["-r", `${theirs}/.`, directory]);
  const found = problems(host, [directory]);
  assert.deepEqual(Object.keys(found), pluginNames);
  assert.equal(new Set(pluginNames.map((name) => sum(host, `${directory}/${name}`))).size, 1);
  assert.match(
    found["bridge"] ?? "",
    /^Go's (loopback|portmap) v1\.9\.1, in one file with firewall, .* in place; /,
  );

  installOf(host, [directory, "--copies"]);
  assert.deepEqual(problems(host, [directory]), {});
  host.run("cp", ["-r", `${theirs}/.`, directory]);
  assert.deepEqual(Object.keys(problems(host, [directory])), ["loopback", "portmap"]);
  installOf(host, [directory]);
  assert.deepEqual(problems(host, [directory]), {});
});

test("tar does not take one hard link out of an archive alone", { skip }, async (t) => {
  const host = await hostFor(t);
  const [archive, directory] = [`${host.tempDir()}/all.tar`, host.tempDir()];
  const members = pluginNames.map((name) => `./${name}`);
  host.run("tar", ["-C", linkedFolder(), "-cf", archive, ...members]);
  const alone = host.run("tar", ["-C", directory, "-xf", archive, "./portmap"], { check: false });
  assert.notEqual(alone.status, 0);
  assert.match(alone.stderr, /hard link/);
  assert.match(problems(host, [directory, "portmap"])["portmap"] ?? "", /^missing; .* install /);
  host.run("tar", ["-C", directory, "-xf", archive]);
  assert.deepEqual(problems(host, [directory]), {});
  host.run("truncate", ["-s", "20M", `${directory}/bridge`]);
  assert.match(problems(host, [directory])["tuning"] ?? "", /^cut off: /);
});

test("a separate executable installs itself and nothing else", { skip }, async (t) => {
  const host = await hostFor(t);
  const directory = host.tempDir();
  const file = `${pluginFolder()}/loopback`;
  assert.equal(run(host, file, ["install", directory]).status, 0);
  assert.deepEqual(files(host, directory), ["loopback"]);
  assert.equal(sum(host, `${directory}/loopback`), sum(host, file));
  const { status, stdout } = run(host, file, ["install", directory, "bridge"]);
  assert.equal(status, 1);
  assert.match(stdout, /run the executable of bridge/);
  assert.equal(run(host, file, ["doctor", directory, "loopback"]).status, 0);
});
