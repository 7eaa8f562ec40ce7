/**
 * `node build/test/scenarios.ts SELECTION [option…]`: runs a selection of the conformance suite's scenarios on the
 * executables in dist/bin, with more options of its command line (`npm run conformance -- --help`).
 */
import { conformance } from "../../conformance/cli/conformance.ts";

/** What a machine's own kernel may lack, and `npm run vm` therefore tries in a virtual machine. */
const mayLack = ["--may-lack", "vlan", "--may-lack", "bridge nftables"];

/** Suites of which each run is another, or that take the Go plugins long. */
const ours = "concurrency|killed|faults|bad input";

const selections: Readonly<Record<string, readonly string[]>> = {
  /** Beside the Go plugins: the newest version, in which nothing is left to chance, and the chains in all versions. */
  peer: [...mayLack, "--against", "go", "--filter", `/^chains|^(?!${ours}).*@1.1.0$/`],
  /** The rest, with ours only: what is left to chance, and older versions. */
  versions: [...mayLack, "--filter", `/^(${ours})|^(?!chains).*@(0|1.0)[.]/`],
  /** Every plugin, as container runtimes call them. */
  chains: [...mayLack, "--filter", "/^chains/"],
};

const [name = "", ...more] = process.argv.slice(2);
const selection = selections[name];
if (selection === undefined) {
  console.error(`usage: node build/test/scenarios.ts ${Object.keys(selections).join("|")} [option…]`);
  process.exit(2);
}
process.exitCode = await conformance(["--bin-dir", "dist/bin", ...selection, ...more]);
