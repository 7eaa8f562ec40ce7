import {
  afterwards,
  each,
  inside,
  type Mutant,
  nothingDone,
  omit,
  only,
  otherConfig,
  otherResult,
  silence,
} from "./mutation.ts";

/** Where host-local keeps its leases. */
const leaseFiles = "/var/lib/cni/networks";

/** host-local with a mistake. */
export const hostLocalMutants: readonly Mutant[] = [
  {
    name: "forgets the lease it gave",
    plugin: "host-local",
    mutation: only("ADD", afterwards(`find ${leaseFiles} -type f -name *.*.* -delete`)),
    killedBy: "host-local/gives out the first address behind the gateway's, CHECK finds it, DEL frees it",
    reason: /\/10\.1\.0\.2 should be there/,
  },
  {
    name: "keeps the lease after DEL",
    plugin: "host-local",
    mutation: only("DEL", nothingDone),
    killedBy: "host-local/gives out the first address behind the gateway's, CHECK finds it, DEL frees it",
    reason: /\/10\.1\.0\.2 should not be there/,
  },
  {
    name: "gives every container the same address",
    plugin: "host-local",
    mutation: only(
      "ADD",
      otherResult((result) => ({
        ...result,
        ips: each(result["ips"], (ip) => ({
          ...ip,
          address: String(ip["address"]).replace(/\.\d+\//, ".2/"),
        })),
      })),
    ),
    killedBy: "host-local/goes round: a released address rests until all others were given out",
    reason: /address: expected "10\.1\.0\.3\/29", got "10\.1\.0\.2\/29"/,
  },
  {
    name: "does not give the gateway",
    plugin: "host-local",
    mutation: only(
      "ADD",
      otherResult((result) => ({ ...result, ips: each(result["ips"], (ip) => omit(ip, "gateway")) })),
    ),
    killedBy: "host-local/gives out the first address behind the gateway's, CHECK finds it, DEL frees it",
    reason: /gateway: expected "10\.1\.0\.1", got nothing/,
  },
  {
    name: "collects nothing",
    plugin: "host-local",
    mutation: only("GC", nothingDone),
    killedBy: "host-local/GC frees what is not listed, and nothing else",
    reason: /^ls .*: expected \["10\.1\.0\.3",.*, got \["10\.1\.0\.2","10\.1\.0\.3"/,
  },
  {
    name: "collects everything",
    plugin: "host-local",
    mutation: only(
      "GC",
      otherConfig((config) => ({ ...config, "cni.dev/valid-attachments": [] })),
    ),
    killedBy: "host-local/GC looks at the interface too, and an empty list frees everything",
    reason: /\/10\.1\.0\.2 should be there/,
  },
  {
    name: "finds nothing wrong with a lost lease",
    plugin: "host-local",
    mutation: only("CHECK", nothingDone),
    killedBy: "host-local/CHECK fails without a lease, and changes nothing",
    reason: /^CHECK host-local .*: it did not fail/,
  },
  {
    name: "begins a range at its subnet's start",
    plugin: "host-local",
    mutation: otherConfig((config) => inside(config, "ipam", (ipam) => omit(ipam, "rangeStart"))),
    killedBy:
      "host-local/rangeStart and rangeEnd bound the range, both included, and the gateway is left out",
    reason: /address: expected "10\.1\.0\.10\/24", got "10\.1\.0\.1\/24"/,
  },
  {
    name: "does not know routes",
    plugin: "host-local",
    mutation: otherConfig((config) => inside(config, "ipam", (ipam) => omit(ipam, "routes"))),
    killedBy: "host-local/routes of the configuration are in the result, each with its family before 0.3.0",
    reason: /result\.routes: expected .*, got nothing/,
  },
  {
    name: "keeps the errors of GC to itself",
    plugin: "host-local",
    mutation: only("GC", { answer: () => silence }),
    killedBy: "faults/GC goes on after a lease that cannot be removed",
    reason: /^GC host-local: it did not fail/,
  },
];
