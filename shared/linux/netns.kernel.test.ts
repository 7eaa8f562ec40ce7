import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import {
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { hostFor } from "../../conformance/harness/host/host.ts";
import { Failure } from "../errors/failure.ts";
import { isErrno } from "../errors/system-error.ts";
import { inNetns, openNetns, ownNetns } from "./netns.ts";

/** Two namespaces with the paths by which this process reaches them. */
async function scratch(t: TestContext) {
  const host = await hostFor(t);
  const [a, b] = ["a", "b"].map((name) => host.outside(host.addNetns(name)));
  assert.ok(a !== undefined && b !== undefined);
  return { host, a, b };
}

function tempDir(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), "netns-test-"));
  t.after(() => rmSync(folder, { recursive: true }));
  return folder;
}

/** The namespace that the thread is in, as "net:[inode]". */
function here(): string {
  return readlinkSync("/proc/thread-self/ns/net");
}

function opened<T>(path: string, work: (netns: ReturnType<typeof openNetns>) => T): T {
  const netns = openNetns(path);
  try {
    return work(netns);
  } finally {
    netns.close();
  }
}

function isInvalid(error: unknown, msg: RegExp): boolean {
  return error instanceof Failure && error.kind === "netns" && msg.test(error.message);
}

test("work is done in the namespace, by children as well, and the thread comes back", async (t) => {
  const { host, a } = await scratch(t);
  const home = here();
  const there = host.inNetns("a", "readlink", ["/proc/self/ns/net"]).stdout.trim();
  opened(a, (netns) => {
    const seen = inNetns(netns, () => ({
      own: here(),
      child: spawnSync("readlink", ["/proc/self/ns/net"], { encoding: "utf8" }).stdout.trim(),
      devices: readFileSync("/proc/thread-self/net/dev", "utf8").split("\n").length,
    }));
    // Two lines of headings, lo, and the end.
    assert.deepEqual(seen, { own: there, child: there, devices: 4 });
  });
  assert.equal(here(), home);
  assert.notEqual(home, there);
});

test("the thread comes back from nested namespaces step by step, and after a failure", async (t) => {
  const { a, b } = await scratch(t);
  const home = here();
  opened(a, (outer) =>
    opened(b, (inner) => {
      const places = inNetns(outer, () => {
        const before = here();
        assert.throws(
          () =>
            inNetns(inner, () => {
              assert.notEqual(here(), before);
              throw new Error("in the middle");
            }),
          /in the middle/,
        );
        return [before, here()];
      });
      assert.equal(places[0], places[1]);
      assert.throws(() =>
        inNetns(outer, () => {
          throw new Error("again");
        }),
      );
    }),
  );
  assert.equal(here(), home);
});

test("no file stays open", async (t) => {
  const { a } = await scratch(t);
  const openFiles = () => readdirSync("/proc/self/fd").length;
  opened(a, () => {});
  const before = openFiles();
  for (let round = 0; round < 20; round++) {
    opened(a, (netns) => {
      inNetns(netns, () => {});
      assert.throws(() =>
        inNetns(netns, () => {
          throw new Error("x");
        }),
      );
    });
    assert.throws(() => openNetns("/etc/passwd"));
  }
  assert.equal(openFiles(), before);
});

test("an open namespace can be entered after its name is gone", async (t) => {
  const { host, a } = await scratch(t);
  opened(a, (netns) => {
    const there = inNetns(netns, here);
    host.delNetns("a");
    assert.equal(inNetns(netns, here), there);
  });
});

test("the own namespace is the one that the thread is in", async (t) => {
  const { a } = await scratch(t);
  const inside = opened(a, (netns) =>
    inNetns(netns, () => {
      const own = ownNetns();
      return { own, place: here() };
    }),
  );
  assert.equal(inNetns(inside.own, here), inside.place);
  inside.own.close();
});

test("what is open tells whether it is the own namespace, wherever its path leads by now", async (t) => {
  const { a } = await scratch(t);
  const link = join(tempDir(t), "link");
  symlinkSync("/proc/self/ns/net", link);
  opened(link, (own) => {
    rmSync(link);
    symlinkSync(a, link);
    assert.equal(own.isOwn(), true);
    opened(link, (other) => {
      assert.equal(other.isOwn(), false);
      assert.equal(
        inNetns(other, () => other.isOwn()),
        true,
      );
    });
  });
});

test("a path that leads nowhere", () => {
  for (const [path, errno] of [
    ["/run/netns/none-of-this-name", "ENOENT"],
    ["", "ENOENT"],
    ["/etc/passwd/net", "ENOTDIR"],
  ] as const) {
    assert.throws(
      () => openNetns(path),
      (error) =>
        isErrno(error, errno) &&
        isInvalid(error, new RegExp(`^failed to open netns ${JSON.stringify(path)}: ${errno}`)),
    );
  }
});

test("files of other kinds are refused, and not even opened", (t) => {
  const folder = tempDir(t);
  writeFileSync(`${folder}/file`, "");
  // Opening it would wait for a writer.
  assert.equal(spawnSync("mkfifo", [`${folder}/fifo`]).status, 0);
  symlinkSync("fifo", `${folder}/link`);
  for (const path of [`${folder}/file`, `${folder}/fifo`, `${folder}/link`, folder, "/dev/null"]) {
    assert.throws(
      () => openNetns(path),
      (error) => isInvalid(error, /^failed to open netns ".*": it is not a network namespace/),
      path,
    );
  }
});

test("a namespace of another kind, and another file of /proc, cannot be entered", () => {
  const home = here();
  for (const path of ["/proc/self/ns/mnt", "/proc/self/status"]) {
    opened(path, (netns) =>
      assert.throws(
        () => inNetns(netns, () => assert.fail("it ran")),
        (error) => isInvalid(error, new RegExp(`^error switching to ns ${path}: EINVAL`)),
      ),
    );
  }
  assert.equal(here(), home);
});

test("a symbolic link to a namespace is followed", async (t) => {
  const { a } = await scratch(t);
  const link = join(tempDir(t), "link");
  symlinkSync(a, link);
  const there = opened(a, (netns) => inNetns(netns, here));
  assert.equal(
    opened(link, (netns) => inNetns(netns, here)),
    there,
  );
});
