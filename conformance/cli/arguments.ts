import { parseArgs } from "node:util";
import { peerReleaseOf, peerReleases } from "../harness/plugins/peers.ts";
import { type Need, needs } from "../scenario/scenario.ts";

/** The word of `--may-lack` for a machine that has all. */
const nothing = "nothing";

/** What the command line asks for. */
export type Arguments = {
  binDir: string;
  /** A second implementation to compare with. */
  against: string | undefined;
  /** Parts of scenarios' IDs; one must be in it. A text between slashes is a regular expression. */
  filters: string[];
  reports: string[];
  keep: boolean;
  list: boolean;
  kernel: boolean;
  /** What the machine may lack, when nothing else may keep a scenario from being tried. */
  mayLack: readonly Need[] | undefined;
  jobs: number;
};

export const usage = `usage: conformance --bin-dir DIR [option…]

Runs the scenarios against the CNI plugins in DIR. Root is needed; the machine's own network is not touched.

  --bin-dir DIR   the executables to try
  --against DIR   the same scenarios with a second implementation, and what is different; DIR "go" stands for the
                  Go plugins v${peerReleases[0]}, which are built with Go, and "go@RELEASE" for one of:
                  ${peerReleases.join(", ")}
  --filter TEXT   only scenarios with this in their ID (SUITE/NAME@VERSION); /…/ is a regular expression; repeatable
  --report FILE   writes a report: .xml is JUnit, .json, or .tap; repeatable
  --keep          stops at the first failure and leaves its host for a look; not with --kernel
  --kernel        on Debian's kernel in QEMU (from a checkout only); without --filter only what depends on the
                  kernel: VLANs and spoof checks
  --jobs N        how many at the same time (default: the number of processors); with --keep and --kernel it is one
  --may-lack NEED fails when a scenario is not tried, unless the machine lacks NEED, or the plugin does not support
                  the version; repeatable; NEED is one of:
                  ${needs.join(", ")}; or ${nothing}
  --list          only lists the scenarios, with where each comes from

Ends with status 0 when nothing failed, 1 when something did, 2 when it could not run.
`;

/** Reads the command line. Throws with a sentence when it asks for what there is not. */
export function readArguments(argv: readonly string[], defaultBinDir: string, processors: number): Arguments {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      "bin-dir": { type: "string", default: defaultBinDir },
      against: { type: "string" },
      filter: { type: "string", multiple: true, default: [] },
      report: { type: "string", multiple: true, default: [] },
      keep: { type: "boolean", default: false },
      kernel: { type: "boolean", default: false },
      list: { type: "boolean", default: false },
      jobs: { type: "string", default: String(processors) },
      "may-lack": { type: "string", multiple: true },
    },
  });
  const jobs = Number(values.jobs);
  if (!Number.isInteger(jobs) || jobs < 1)
    throw new Error(`--jobs ${values.jobs}: a number from 1 is needed`);
  if (values.against?.startsWith("go@") === true && peerReleaseOf(values.against) === undefined)
    throw new Error(`--against ${values.against}: it must be go@ and one of ${peerReleases.join(", ")}`);
  if (values.keep && values.kernel)
    throw new Error("--keep does not go with --kernel: the virtual machine ends with its last scenario");
  return {
    binDir: values["bin-dir"],
    against: values.against,
    filters: values.filter,
    reports: values.report,
    keep: values.keep,
    kernel: values.kernel,
    mayLack: values["may-lack"]?.filter((word) => word !== nothing).map(needOf),
    list: values.list,
    jobs: values.keep ? 1 : jobs,
  };
}

function needOf(word: string): Need {
  const need = needs.find((one) => one === word);
  if (need === undefined) throw new Error(`--may-lack ${word}: it must be one of ${needs.join(", ")}`);
  return need;
}
