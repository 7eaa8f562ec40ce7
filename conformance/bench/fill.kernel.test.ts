import assert from "node:assert/strict";
import { after, test } from "node:test";
import { binDirOf } from "./compare.ts";
import { fill } from "./fill.ts";
import { LauncherProgram } from "./launcher.ts";
import { Place } from "./place.ts";
import { makers } from "./rows.ts";
import { iptablesStatements, nftStatements } from "./statements.ts";
import { chains } from "./workloads.ts";

const program = new LauncherProgram();
after(() => program[Symbol.dispose]());

for (const workload of chains().filter(({ name }) => /nerdctl|kubernetes/.test(name))) {
  for (const maker of makers) {
    test(`${workload.name} ${workload.backend}, ${maker}: repeated attachments look like real ones`, async () => {
      await using real = await Place.create(workload, binDirOf(maker), program);
      for (const number of [1, 2, 3, 4, 5]) await real.run("ADD", real.addContainer(number));
      await using repeated = await Place.create(workload, binDirOf(maker), program);
      await fill(repeated, 5);
      assert.deepEqual(shape(repeated), shape(real));
    });
  }
}

/** The rules and elements without what tells containers from one another, and how many links and leases there are. */
function shape({ host, workload }: Place): unknown {
  const saved = ["iptables-save", "ip6tables-save"].map((command) => host.run(command).stdout);
  const rules = saved.flatMap((text) => iptablesStatements(text).map(({ text }) => text));
  const lines = [...rules, ...nftStatements(host.run("nft", ["list", "ruleset"]).stdout)].map((line) =>
    line
      .replace(/[0-9a-f]{15,}/g, "HASH")
      .replace(/\[\d+:\d+\]/, "")
      .replace(/packets \d+ bytes \d+/, "")
      .replace(/(\d+\.\d+)\.\d+\.\d+/g, "$1.X")
      .replace(/(fd00:[0-9a-f:]*:)[0-9a-f]+/g, "$1X")
      .replace(/\b(90\d\d|100\d\d)\b/g, "PORT"),
  );
  const veths = host.run("ip", ["-o", "link", "show", "type", "veth"]).stdout.trim().split("\n").length;
  const leases = host.run("find", [`${workload.dataDir}/${workload.network}`, "-name", "*.*.*.*"]).stdout;
  return { lines: lines.sort(), veths, leases: leases.trim().split("\n").length };
}
