import { isObject } from "../harness/host/json.ts";
import {
  each,
  type Mutant,
  omit,
  only,
  otherConfig,
  otherEnv,
  otherError,
  otherResult,
  silence,
} from "./mutation.ts";

/** Plugins that break the protocol, whatever they do. */
export const protocolMutants: readonly Mutant[] = [
  {
    name: "fails with exit status 0",
    plugin: "loopback",
    mutation: { answer: (answer) => ({ ...answer, status: 0 }) },
    killedBy: "loopback/ADD and CHECK name a namespace that they miss",
    reason: /^ADD loopback: it did not fail, but printed .*code/,
  },
  {
    name: "succeeds with exit status 1",
    plugin: "loopback",
    mutation: only("DEL", { answer: (answer) => ({ ...answer, status: 1 }) }),
    killedBy: "loopback/DEL works without ADD, twice, and without the namespace",
    reason: /^DEL loopback: it failed with status 1 and printed nothing/,
  },
  {
    name: "tells on standard output what it does",
    plugin: "loopback",
    mutation: only("ADD", { answer: (answer) => ({ ...answer, stdout: `adding\n${answer.stdout}` }) }),
    killedBy: "loopback/brings lo up and reports its addresses",
    reason: /^ADD loopback: it printed "adding.*, not one JSON result/,
  },
  {
    name: "prints a result on DEL",
    plugin: "loopback",
    mutation: only("DEL", { answer: (answer) => ({ ...answer, stdout: "{}" }) }),
    killedBy: "loopback/DEL works without ADD, twice, and without the namespace",
    reason: /^DEL loopback: it printed "\{\}", not nothing/,
  },
  {
    name: "prints its error on standard error",
    plugin: "tuning",
    mutation: {
      answer: ({ status, stdout }) =>
        status === 0 ? { status, stdout, stderr: "" } : { status, stdout: "", stderr: stdout },
    },
    killedBy: "protocol/tuning refuses to be the first of a list",
    reason: /^ADD tuning: it failed with status 1 and printed nothing, and on standard error/,
  },
  {
    name: "has error code 0",
    plugin: "host-local",
    mutation: otherError((error) => ({ ...error, code: 0 })),
    killedBy: "host-local/CHECK and DEL of a network that was never used create nothing",
    reason: /code 0 is no positive number/,
  },
  {
    name: "has a text as error code",
    plugin: "host-local",
    mutation: otherError((error) => ({ ...error, code: String(error["code"]) })),
    killedBy: "host-local/CHECK and DEL of a network that was never used create nothing",
    reason: /code "\d+" is no positive number/,
  },
  {
    name: "has code 100 for every error",
    plugin: "bridge",
    mutation: otherError((error) => ({ ...error, code: 100 })),
    killedBy: "bridge/STATUS: another link has the bridge's name",
    reason: /^STATUS bridge: the error's code is 100, not 50/,
  },
  {
    name: "has errors without a message",
    plugin: "portmap",
    mutation: otherError((error) => ({ ...error, msg: "" })),
    killedBy: "protocol/portmap refuses to be the first of a list",
    reason: /msg is empty/,
  },
  {
    name: "names another version in its result",
    plugin: "host-local",
    mutation: only(
      "ADD",
      otherResult((result) => ({ ...result, cniVersion: "1.0.0" })),
    ),
    killedBy: "host-local/gives out the first address behind the gateway's, CHECK finds it, DEL frees it",
    reason: /cniVersion is "1\.0\.0", the configuration's is "1\.1\.0"/,
  },
  {
    name: "gives results of 1.0.0 and newer to every version",
    plugin: "host-local",
    mutation: only(
      "ADD",
      otherResult((result) => ({ ...result, ips: each(result["ips"], (ip) => omit(ip, "version")) })),
    ),
    killedBy:
      "host-local/gives out the first address behind the gateway's, CHECK finds it, DEL frees it@0.4.0",
    reason: /ips\[0\]\.version is undefined, not "4"/,
  },
  {
    name: "gives the oldest versions the newest keys",
    plugin: "bridge",
    mutation: only(
      "ADD",
      otherResult((result) => {
        const ip4 = result["ip4"];
        return isObject(ip4) ? { ...omit(result, "ip4"), ips: [{ address: ip4["ip"] }] } : result;
      }),
    ),
    killedBy:
      "bridge/IPv4: the container has an address, a default route and its gateway on the bridge@0.2.0",
    reason: /ips is new in 0\.3\.0/,
  },
  {
    name: "does not know version 1.1.0",
    plugin: "tuning",
    mutation: only(
      "VERSION",
      otherResult((result) => ({
        ...result,
        supportedVersions: ["0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0"],
      })),
    ),
    killedBy: "tuning/VERSION tells every version of the specification",
    reason: /supportedVersions: expected among others "1\.1\.0"/,
  },
  {
    name: "prints its versions under another key",
    plugin: "tuning",
    mutation: only(
      "VERSION",
      otherResult(({ supportedVersions, ...result }) => ({ ...result, versions: supportedVersions })),
    ),
    killedBy: "tuning/VERSION tells every version of the specification",
    reason: /supportedVersions: expected a list, got nothing/,
  },
  {
    name: "takes any container ID",
    plugin: "host-local",
    mutation: otherEnv((env) => {
      const id = env["CNI_CONTAINERID"] ?? "";
      return id === "" || /^[a-zA-Z0-9][\w.-]*$/.test(id) ? env : { ...env, CNI_CONTAINERID: "any" };
    }),
    killedBy: "protocol/host-local refuses container IDs and interface names that break the rules",
    reason: /^ADD host-local \(ID "a\/b"\): it did not fail/,
  },
  {
    name: "takes what is not JSON",
    plugin: "portmap",
    mutation: { answer: (answer) => (answer.stdout.includes('"code": 6') ? silence : answer) },
    killedBy: "bad input/portmap: documents that are none, for DEL",
    reason: /^DEL portmap \(nothing\): it did not fail/,
  },
  {
    name: "takes every version",
    plugin: "loopback",
    mutation: otherConfig((config) => ({ ...config, cniVersion: "1.0.0" })),
    killedBy: "protocol/loopback refuses versions that it does not have, with code 1",
    reason: /^ADD loopback \("9\.9\.9"\): it did not fail/,
  },
  {
    name: "hangs when the namespace is gone",
    plugin: "loopback",
    mutation: only("DEL", {
      instead: ({ env }) => {
        if (!env["CNI_NETNS"]) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
        return undefined;
      },
    }),
    killedBy: "protocol/loopback deletes everything without namespace and without result",
    reason: /^DEL loopback: it did not end by itself within \d+ s/,
    limitSeconds: 20,
  },
  {
    name: "fails on DEL when the namespace is gone",
    plugin: "tuning",
    mutation: only("DEL", {
      instead: ({ env }) =>
        env["CNI_NETNS"]
          ? undefined
          : { status: 1, stdout: '{"code": 3, "msg": "no namespace"}', stderr: "" },
    }),
    killedBy: "protocol/tuning deletes everything without namespace and without result",
    reason: /^DEL tuning: it failed: .*no namespace/,
  },
  {
    name: "answers GC with an error",
    plugin: "host-local",
    mutation: only("GC", {
      instead: () => ({ status: 1, stdout: '{"code": 4, "msg": "unknown GC"}', stderr: "" }),
    }),
    killedBy: "host-local/GC without a list frees nothing, and GC of an unused network makes nothing",
    reason: /^GC host-local: it failed: .*unknown GC/,
  },
  {
    name: "always uses eth0",
    plugin: "bridge",
    mutation: otherEnv((env) => (env["CNI_IFNAME"] === undefined ? env : { ...env, CNI_IFNAME: "eth0" })),
    killedBy: "bridge/the interface has the name that was asked for, up to 15 bytes",
    reason: /interfaces\[2\]\.name: expected "fifteen-letters", got "eth0"/,
  },
  {
    name: "answers VERSION in a version that there is not",
    plugin: "loopback",
    mutation: only(
      "VERSION",
      otherResult((result) => ({ ...result, cniVersion: "9.9.9" })),
    ),
    killedBy: "protocol/loopback tells its versions",
    reason: /cniVersion: expected one of .*, got "9\.9\.9"/,
  },
  {
    name: "looks at no namespace in CHECK",
    plugin: "tuning",
    mutation: only("CHECK", {
      instead: ({ env }) => (env["CNI_NETNS"] === "/run/netns/c1" ? undefined : silence),
    }),
    killedBy: "protocol/tuning needs a namespace that is one, for ADD and CHECK",
    reason: /^CHECK tuning \(\/run\/netns\/gone\): it did not fail/,
  },
];
