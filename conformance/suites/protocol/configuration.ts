import type { CallStep } from "../../scenario/call-step.ts";
import type { Scenario } from "../../scenario/scenario.ts";
import { newestVersion, specVersions } from "../../scenario/versions.ts";
import { bridge, callOf, forEach, ipam, loopback, refused, type Subject, subjects } from "./subjects.ts";

/**
 * What VERSION is given, and the versions in which it may answer: the specification wants that of the input, libcni's
 * plugins answer in their newest.
 */
const versionInputs: [stdin: string, cniVersions: readonly string[]][] = [
  ['{"cniVersion":"1.1.0"}', ["1.1.0"]],
  ['{"cniVersion":"0.4.0"}', ["0.4.0", newestVersion]],
  ["", specVersions],
  ["no JSON", specVersions],
  ['{"cniVersion":"9.9.9"}', specVersions],
];

/** Standard input, versions and VERSION. */
export const configuration: readonly Scenario[] = [
  ...forEach(subjects, (subject) => ({
    name: "reads one JSON object from standard input, with a name that follows the rules",
    source: "SPEC 1.1.0, section 1, Configuration format: name; section 5, Error: codes 6 and 7",
    steps: [
      {
        each: [
          ["nothing", "", 6],
          ["no JSON", "cniVersion: 1.1.0", 6],
          ["half of it", '{"cniVersion":"1.1.0","name":"net', 6],
          ["a list", "[]", 6],
          ["a second document", '{"cniVersion":"1.1.0","name":"net1"}{}', 6],
          ["no name", '{"cniVersion":"1.1.0"}', 7],
          ["an empty name", '{"cniVersion":"1.1.0","name":""}', 7],
          ["a number as name", '{"cniVersion":"1.1.0","name":5}', 6],
          ...["../net", "a b", "-net", ".net", "_net", "net\\n", "a/b", "ä"].map(
            (name) => [`the name ${name}`, `{"cniVersion":"1.1.0","name":"${name}"}`, 7] as const,
          ),
        ].map(([what, stdin, code]) =>
          callOf(subject, "DEL", { what: String(what), stdin: String(stdin), ...refused(Number(code)) }),
        ),
      },
      callOf(subject, "DEL", { what: "a long name", config: { name: "0A_b.c-".repeat(20) } }),
      callOf(subject, "DEL", {
        what: "white space around it",
        stdin: `\n\t ${JSON.stringify({ cniVersion: "1.1.0", name: "net1", ...subject.config }, null, 3)}\r\n `,
      }),
      { unchanged: true, except: "furniture" },
    ],
  })),
  ...forEach(subjects, (subject) => ({
    name: "refuses versions that it does not have, with code 1",
    source: "SPEC 1.1.0, section 5, Error: code 1; section 2, Overview",
    steps: [
      {
        each: [
          ...["9.9.9", "1.0", "1.1.1", "0.0.9", "1.1.0 ", "v1.1.0"].flatMap((cniVersion) =>
            (["ADD", "DEL"] as const).map((command) => versioned(subject, command, cniVersion, 1)),
          ),
          versioned(subject, "CHECK", "1.0.5", 1),
          versioned(subject, "CHECK", "9.9.9", 1),
          versioned(subject, "GC", "9.9.9", 1),
          versioned(subject, "STATUS", "9.9.9", 1),
          ...(subject.since === "0.1.0" ? [] : [versioned(subject, "ADD", "0.3.1", 1)]),
          callOf(subject, "ADD", {
            what: "a number",
            config: { cniVersion: 1 },
            ...refused(6, "cniVersion"),
          }),
        ],
      },
      { unchanged: true },
    ],
  })),
  ...forEach(subjects, (subject) => ({
    name: "refuses commands that are newer than the configuration's version",
    source: "SPEC 0.4.0: CHECK is new; SPEC 1.1.0: GC and STATUS are new; section 5, Error: code 1",
    steps: [
      {
        each: [
          versioned(subject, "CHECK", "0.1.0", 1),
          versioned(subject, "CHECK", "0.3.1", 1),
          ...["0.4.0", "1.0.0"].flatMap((cniVersion) => [
            versioned(subject, "GC", cniVersion, 1),
            versioned(subject, "STATUS", cniVersion, 1),
          ]),
        ],
      },
      { unchanged: true },
    ],
  })),
  ...forEach([loopback, bridge, ipam], (subject) => ({
    name: "takes a configuration without cniVersion for one of 0.1.0",
    source: "SPEC 0.1.0, Network Configuration: nothing newer can be meant; libcni does the same",
    versions: ["0.1.0"],
    steps: [
      callOf(subject, "ADD", { stdin: JSON.stringify({ name: "net1", ...subject.config }) }),
      callOf(subject, "DEL", { stdin: JSON.stringify({ name: "net1", ...subject.config }) }),
      callOf(subject, "ADD", { stdin: JSON.stringify({ cniVersion: "", name: "net1", ...subject.config }) }),
      callOf(subject, "DEL", { stdin: JSON.stringify({ cniVersion: "", name: "net1", ...subject.config }) }),
    ],
  })),
  ...forEach(subjects, ({ plugin, since }) => ({
    name: "tells its versions",
    source: "SPEC 1.1.0, section 2, VERSION; section 5, VERSION Success",
    steps: [
      ...versionInputs.map(
        ([stdin, cniVersions]): CallStep => ({
          call: "VERSION",
          what: `with ${stdin === "" ? "nothing" : stdin} on standard input`,
          stdin,
          path: null,
          expect: {
            result: {
              cniVersion: { $anyOf: cniVersions },
              supportedVersions: {
                $has:
                  since === "0.1.0"
                    ? ["0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"]
                    : ["0.4.0", "1.0.0", "1.1.0"],
              },
            },
          },
        }),
      ),
      { run: ["mkfifo", "/run/never-closed"] },
      {
        run: [
          "timeout",
          "20",
          "sh",
          "-c",
          `CNI_COMMAND=VERSION exec "\${bin}/${plugin}" <>/run/never-closed >/dev/null`,
        ],
      },
      { unchanged: true },
    ],
  })),
];

function versioned(subject: Subject, call: CallStep["call"], cniVersion: string, code: number): CallStep {
  return callOf(subject, call, {
    what: JSON.stringify(cniVersion),
    config: { cniVersion },
    ...refused(code),
  });
}
