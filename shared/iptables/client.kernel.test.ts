import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, test } from "node:test";
import { Failure } from "../errors/failure.ts";
import { lockExclusive } from "../linux/flock.ts";
import { inNetns, type Netns, openNetns } from "../linux/netns.ts";
import { type Family, hasIptables, Iptables, type Shortcut, type Table } from "./client.ts";
import { lockFile } from "./restore.ts";
import { hasRule, type Ruleset } from "./ruleset.ts";
import { Transaction } from "./transaction.ts";

const originalPath = process.env["PATH"];

const client = new Iptables();

type Plan = (current: Ruleset) => Transaction;

/** Changes a table by a plan that finds out nothing else, and returns what was done. */
function changeRules(
  family: Family,
  table: Table,
  plan: Plan,
  { guess, part }: { guess?: Transaction; part?: Shortcut<never>["part"] } = {},
) {
  const { transaction } = client.change(family, table, (current) => ({ transaction: plan(current) }), {
    ...{ guess: guess && { transaction: guess } },
    ...(part && { part }),
  });
  return transaction.operations;
}

for (const flavour of ["nft", "legacy"]) {
  describe(`iptables-${flavour}`, () => {
    const name = `iptables-test-${process.pid}-${flavour}`;
    let tools: string;
    let host: Netns;

    beforeEach(() => {
      execFileSync("ip", ["netns", "add", name]);
      host = openNetns(`/run/netns/${name}`);
      // The machine's own choice of a flavour stays as it is.
      tools = mkdtempSync(join(tmpdir(), "iptables-test-"));
      for (const program of ["iptables", "ip6tables"]) {
        for (const kind of ["", "-save", "-restore"]) {
          symlinkSync(`/usr/sbin/${program}-${flavour}${kind}`, join(tools, `${program}${kind}`));
        }
      }
      process.env["PATH"] = `${tools}:${originalPath}`;
    });

    afterEach(() => {
      process.env["PATH"] = originalPath;
      host.close();
      execFileSync("ip", ["netns", "del", name]);
      rmSync(tools, { recursive: true });
    });

    const iptables = (...args: string[]) => {
      execFileSync("iptables", args, { stdio: ["ignore", "ignore", "pipe"] });
    };

    for (const family of [4, 6] as Family[]) {
      test(`IPv${family}: chains are read alone, and all of them when one is not there`, () => {
        inNetns(host, () => {
          const program = family === 4 ? "iptables" : "ip6tables";
          const run = (...args: string[]) => execFileSync(program, ["-t", "nat", ...args], { stdio: "pipe" });
          for (const chain of ["CNI-A", "CNI-B"]) {
            run("-N", chain);
            run("-A", chain, "-m", "comment", "--comment", 'of "a" kind', "-j", "ACCEPT");
          }
          const rule = ["-m", "comment", "--comment", 'of "a" kind', "-j", "ACCEPT"];
          const part = client.read(family, "nat", ["CNI-A", "POSTROUTING"]);
          assert.deepEqual([part.rules("CNI-A"), part.rules("POSTROUTING")], [[rule], []]);
          assert.deepEqual([part.has("POSTROUTING"), part.has("CNI-B")], [true, false]);
          const all = client.read(family, "nat", ["CNI-A", "CNI-C"]);
          assert.deepEqual(
            [all.rules("CNI-A"), all.rules("CNI-B"), all.has("CNI-C")],
            [[rule], [rule], false],
          );
        });
      });

      test(`IPv${family}: what was asked for early is told, or else what was not`, () => {
        inNetns(host, () => {
          const program = family === 4 ? "iptables" : "ip6tables";
          for (const chain of ["CNI-A", "CNI-B"]) execFileSync(program, ["-t", "nat", "-N", chain]);
          const read = (early: readonly string[], chains: readonly string[]) => {
            client.startEarly(family, "reading", { table: "nat", chains: early });
            const rules = client.read(family, "nat", chains);
            return ["CNI-A", "CNI-B", "OUTPUT"].filter((chain) => rules.has(chain));
          };
          assert.deepEqual(read(["CNI-A", "OUTPUT"], ["OUTPUT"]), ["CNI-A", "OUTPUT"]);
          assert.deepEqual(read(["CNI-A"], ["CNI-B"]), ["CNI-B"]);
          assert.deepEqual(read(["CNI-C"], ["CNI-B"]), ["CNI-B"]);
          assert.deepEqual(read([], ["CNI-B"]), ["CNI-A", "CNI-B", "OUTPUT"]);
          // What only changes need waits for them.
          client.startEarly(family, "changing");
          assert.ok(client.read(family, "nat", ["CNI-A"]).has("CNI-A"));
          changeRules(family, "nat", () => {
            const transaction = new Transaction();
            transaction.deleteChain("CNI-A");
            return transaction;
          });
          assert.deepEqual(read(["CNI-A"], ["CNI-A"]), ["CNI-B", "OUTPUT"]);
        });
      });

      test(`IPv${family}: what was planned for a part is planned for all of it when that does not fit`, () => {
        inNetns(host, () => {
          const program = family === 4 ? "iptables" : "ip6tables";
          execFileSync(program, ["-t", "nat", "-N", "CNI-OWN"]);
          const seen: boolean[] = [];
          const plan = (current: Ruleset): Transaction => {
            seen.push(current.has("CNI-OWN"));
            const transaction = new Transaction();
            if (!current.has("CNI-OWN")) transaction.newChain("CNI-OWN");
            transaction.append("CNI-OWN", ["-j", "ACCEPT"]);
            return transaction;
          };
          const part = { chains: ["POSTROUTING"], suffices: () => true };
          changeRules(family, "nat", plan, { part });
          assert.deepEqual(seen, [false, true]);
          assert.deepEqual(client.read(family, "nat").rules("CNI-OWN"), [["-j", "ACCEPT"]]);
          changeRules(family, "nat", plan, { part: { ...part, suffices: () => false } });
          assert.deepEqual(seen, [false, true, true]);
        });
      });

      test(`IPv${family}: reading makes nothing`, () => {
        inNetns(host, () => {
          client.read(family, "filter");
          client.read(family, "nat", ["POSTROUTING"]);
          assert.equal(execFileSync("nft", ["list", "ruleset"], { encoding: "utf8" }), "");
        });
      });

      test(`IPv${family}: a lock that somebody keeps holds up no reading`, (t) => {
        const lock = join(tools, "xtables.lock");
        process.env["XTABLES_LOCKFILE"] = lock;
        const fd = openSync(lock, "w");
        t.after(() => {
          delete process.env["XTABLES_LOCKFILE"];
          closeSync(fd);
        });
        assert.ok(lockExclusive(fd, 0));
        inNetns(host, () => {
          assert.deepEqual(client.read(family, "filter", ["FORWARD"]).rules("FORWARD"), []);
          assert.deepEqual(client.read(family, "filter").rules("FORWARD"), []);
        });
      });

      test(`IPv${family}: chains and rules come and go`, () => {
        const comment = ["-m", "comment", "--comment", 'dnat name: "n" id: "c"'];
        inNetns(host, () => {
          assert.ok(hasIptables(family));
          const done = changeRules(family, "nat", (current) => {
            assert.ok(current.has("PREROUTING") || flavour === "nft");
            const transaction = new Transaction();
            transaction.newChain("CNI-X");
            transaction.append("CNI-X", ["-p", "tcp", ...comment, "-j", "RETURN"]);
            transaction.insertFirst("OUTPUT", ["-j", "CNI-X"]);
            return transaction;
          });
          assert.equal(done.length, 3);
          const made = client.read(family, "nat");
          assert.deepEqual(made.rules("CNI-X"), [["-p", "tcp", ...comment, "-j", "RETURN"]]);
          assert.ok(hasRule(made, "OUTPUT", ["-j", "CNI-X"]));
          changeRules(family, "nat", (current) => {
            const transaction = new Transaction();
            for (const rule of current.rules("OUTPUT")) transaction.deleteRule("OUTPUT", rule);
            transaction.flushChain("CNI-X");
            transaction.deleteChain("CNI-X");
            return transaction;
          });
          const left = client.read(family, "nat");
          assert.ok(!left.has("CNI-X"));
          assert.deepEqual(left.rules("OUTPUT"), []);
        });
      });
    }

    test("a refused rule changes nothing and names itself", () => {
      inNetns(host, () => {
        assert.throws(
          () =>
            changeRules(4, "nat", () => {
              const transaction = new Transaction();
              transaction.newChain("CNI-X");
              transaction.append("CNI-X", ["-p", "tcp", "-m", "tcp", "--dport", "70000", "-j", "RETURN"]);
              return transaction;
            }),
          (error) => error instanceof Failure && error.kind === "failed" && error.message.includes("70000"),
        );
        assert.ok(!client.read(4, "nat").has("CNI-X"));
      });
    });

    test("a transaction that is too large for a pipe is made, and taken back", () => {
      inNetns(host, () => {
        const chains = Array.from({ length: 2_000 }, (_none, index) => `CNI-${"x".repeat(18)}${index}`);
        for (const kind of ["newChain", "deleteChain"] as const) {
          const done = changeRules(4, "nat", (current) => {
            assert.equal(current.has("CNI-NONE"), false);
            const transaction = new Transaction();
            for (const chain of chains) transaction[kind](chain);
            return transaction;
          });
          assert.equal(done.length, chains.length);
          const left = client.read(4, "nat");
          assert.equal(chains.filter((chain) => left.has(chain)).length, kind === "newChain" ? 2_000 : 0);
        }
      });
    });

    test("an empty plan changes nothing", () => {
      inNetns(host, () => {
        assert.deepEqual(
          client.changeIfAvailable(4, "nat", () => ({ transaction: new Transaction() }))?.transaction
            .operations,
          [],
        );
      });
    });

    test("a change by somebody else in between makes it plan again", () => {
      inNetns(host, () => {
        iptables("-t", "nat", "-N", "THEIRS");
        iptables("-t", "nat", "-A", "OUTPUT", "-j", "THEIRS");
        let plans = 0;
        changeRules(4, "nat", (current) => {
          plans++;
          const transaction = new Transaction();
          for (const rule of current.rules("OUTPUT")) transaction.deleteRule("OUTPUT", rule);
          if (!current.has("SHARED")) transaction.newChain("SHARED");
          if (plans === 1) {
            iptables("-t", "nat", "-F", "OUTPUT");
            iptables("-t", "nat", "-N", "SHARED");
          }
          transaction.append("SHARED", ["-j", "RETURN"]);
          return transaction;
        });
        assert.equal(plans, 2);
        assert.deepEqual(client.read(4, "nat").rules("SHARED"), [["-j", "RETURN"]]);
        assert.ok(client.read(4, "nat").has("THEIRS"));
      });
    });
  });
}

test("a table that iptables cannot tell is not taken for an empty one", () => {
  const name = `iptables-test-${process.pid}`;
  execFileSync("ip", ["netns", "add", name]);
  const host = openNetns(`/run/netns/${name}`);
  try {
    inNetns(host, () => {
      execFileSync("iptables-nft", ["-t", "nat", "-A", "PREROUTING", "-j", "RETURN"]);
      execFileSync("nft", ["add", "rule", "ip", "nat", "PREROUTING", "ct", "state", "new", "accept"]);
      assert.throws(
        () => client.changeIfAvailable(4, "nat", () => ({ transaction: new Transaction() })),
        (error) =>
          error instanceof Failure && error.kind === "failed" && /only nft understands/.test(error.message),
      );
    });
  } finally {
    host.close();
    execFileSync("ip", ["netns", "del", name]);
  }
});

test("whoever comes next waits for an iptables-restore that outlives its plugin", () => {
  const folder = mkdtempSync(join(tmpdir(), "iptables-test-"));
  const release = join(folder, "release");
  symlinkSync("/usr/sbin/iptables-nft", join(folder, "iptables"));
  writeFileSync(join(folder, "iptables-save"), "#!/bin/sh\n", { mode: 0o755 });
  const waits = `while ! test -e ${release}; do sleep 0.05; done`;
  writeFileSync(join(folder, "iptables-restore"), `#!/bin/sh\n(${waits}) <&- >&- 2>&- &\n`, { mode: 0o755 });
  process.env["PATH"] = `${folder}:${originalPath}`;
  const fd = openSync(lockFile, "a");
  try {
    changeRules(4, "nat", () => {
      const transaction = new Transaction();
      transaction.newChain("CNI-X");
      return transaction;
    });
    assert.equal(lockExclusive(fd, 0), false);
    writeFileSync(release, "");
    assert.equal(lockExclusive(fd, 30_000), true);
  } finally {
    writeFileSync(release, "");
    closeSync(fd);
    process.env["PATH"] = originalPath;
    rmSync(folder, { recursive: true });
  }
});

test("an iptables-restore that has made the rules is not waited for, and the next one need not wait either", () => {
  const name = `iptables-test-${process.pid}`;
  const folder = mkdtempSync(join(tmpdir(), "iptables-test-"));
  const script = (end: string) =>
    writeFileSync(
      join(folder, "iptables-restore"),
      `#!/bin/sh\necho $$ >> ${folder}/pids\n/usr/sbin/iptables-nft-restore "$@"\n${end}\n`,
      { mode: 0o755 },
    );
  for (const part of ["", "-save"])
    symlinkSync(`/usr/sbin/iptables-nft${part}`, join(folder, `iptables${part}`));
  execFileSync("ip", ["netns", "add", name]);
  const host = openNetns(`/run/netns/${name}`);
  process.env["PATH"] = `${folder}:${originalPath}`;
  const add = (chain: string): void => {
    const transaction = new Transaction();
    transaction.newChain(chain);
    changeRules(4, "nat", () => transaction, { guess: transaction });
  };
  try {
    inNetns(host, () => {
      script("exec sleep infinity");
      add("CNI-A");
      const lock = openSync(lockFile, "a");
      assert.equal(lockExclusive(lock, 0), true);
      closeSync(lock);
      add("CNI-B");
      const pids = readFileSync(join(folder, "pids"), "utf8").trim().split("\n");
      for (const pid of pids) process.kill(Number(pid), "SIGKILL");
      assert.equal(pids.length, 2);
      script("");
      const { chains } = client.read(4, "nat");
      assert.ok(chains.includes("CNI-A") && chains.includes("CNI-B"));
      // One that fails says nothing of the kind.
      assert.throws(() => add("CNI-A"), Failure);
    });
  } finally {
    process.env["PATH"] = originalPath;
    host.close();
    execFileSync("ip", ["netns", "del", name]);
    rmSync(folder, { recursive: true });
  }
});

test("an iptables-restore that repeats no comments makes the rules all the same", () => {
  const name = `iptables-test-${process.pid}`;
  const folder = mkdtempSync(join(tmpdir(), "iptables-test-"));
  for (const part of ["", "-save"])
    symlinkSync(`/usr/sbin/iptables-nft${part}`, join(folder, `iptables${part}`));
  const script = '#!/bin/sh\nsed -u "/^#/d" | /usr/sbin/iptables-nft-restore "$@"\n';
  writeFileSync(join(folder, "iptables-restore"), script, { mode: 0o755 });
  execFileSync("ip", ["netns", "add", name]);
  const host = openNetns(`/run/netns/${name}`);
  process.env["PATH"] = `${folder}:${originalPath}`;
  try {
    inNetns(host, () => {
      const part = { chains: ["OUTPUT"], suffices: () => true };
      const plan = (current: Ruleset): Transaction => {
        const transaction = new Transaction();
        transaction.newChain(current.has("OUTPUT") ? "CNI-B" : "CNI-A");
        return transaction;
      };
      execFileSync("iptables-nft", ["-t", "nat", "-A", "OUTPUT", "-j", "ACCEPT"]);
      changeRules(4, "nat", plan, { part });
      assert.ok(client.read(4, "nat").has("CNI-B"));
    });
  } finally {
    process.env["PATH"] = originalPath;
    host.close();
    execFileSync("ip", ["netns", "del", name]);
    rmSync(folder, { recursive: true });
  }
});

test("without PATH the programs are found in the usual directories", () => {
  delete process.env["PATH"];
  try {
    assert.ok(hasIptables(4));
  } finally {
    process.env["PATH"] = originalPath;
  }
});
