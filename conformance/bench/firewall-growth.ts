/**
 * What ADD and DEL of firewall (backend nftables) cost with more and more attachments on the host, for each policy. The
 * Go plugin has no such backend. Each size and policy has a host of its own; their runs take turns, so that noise of
 * the machine meets them alike. The time for entering the host is measured too and left out.
 */
import { loadavg } from "node:os";
import { Host } from "../harness/host/host.ts";
import { pluginFolder } from "../harness/plugins/binaries.ts";
import { cacheResult } from "../harness/plugins/cached-result.ts";
import { callPlugin, pluginEnvironment } from "../harness/plugins/plugin-call.ts";

const sizes = [1, 100, 1000];
const runs = Number(process.env["BENCH_RUNS"] ?? 21);
const policies = ["open", "same-bridge", "isolated"] as const;
type Policy = (typeof policies)[number];
const executable = `${pluginFolder()}/firewall`;
/** How DEL is called: by a runtime with a cache, and by one that has lost it. */
const calls = ["ADD", "DEL", "DEL without prevResult"] as const;
type Call = (typeof calls)[number];
const target = 1.2;

function configOf(policy: Policy): object {
  return { cniVersion: "1.0.0", name: "net", type: "firewall", backend: "nftables", ingressPolicy: policy };
}

/** The result for the attachment with this number: its addresses and its port are its own. */
function resultOf(index: number): object {
  const part = `${(index >> 8) + 1}`;
  return {
    cniVersion: "1.0.0",
    interfaces: [{ name: "cni0" }, { name: `veth${index}` }, { name: "eth0", sandbox: "/run/netns/c" }],
    ips: [{ address: `10.1.${part}.${index & 255}/16` }, { address: `fd00::${part}:${index & 255}/64` }],
  };
}

/** A host with this many attachments, made from a runtime's cache in one go. */
async function filled(policy: Policy, size: number): Promise<Host> {
  const host = await Host.create();
  const netns = host.addNetns("c");
  const { cniVersion, name, ...plugin } = { ...configOf(policy), cniVersion: "1.0.0", name: "net" };
  const list = { cniVersion, name, plugins: [plugin] };
  for (let index = 0; index < size; index++) {
    const containerId = `${index}`.padStart(64, "0");
    cacheResult(host, { network: name, containerId }, list, { netns, result: resultOf(index) });
  }
  host.run(executable, ["reapply"], { env: {}, timeoutMs: 120_000 });
  const made = host.run("nft", ["list", "ruleset"]).stdout.match(/"net\/\d+\/eth0"/g)?.length;
  // An entry of map `owners`, two addresses, and a port.
  const wanted = size * (policy === "isolated" ? 4 : 3);
  if (made !== wanted) throw new Error(`${made} elements were made for ${size} attachments, not ${wanted}`);
  return host;
}

function callOf(policy: Policy, call: Call) {
  const index = 5000;
  const attachment = { containerId: `${index}`.padStart(64, "0"), netns: "/run/netns/c", ifname: "eth0" };
  const command = call === "ADD" ? "ADD" : "DEL";
  const config = {
    ...configOf(policy),
    ...(call !== "DEL without prevResult" && { prevResult: resultOf(index) }),
  };
  return { plugin: { command, ...attachment } as const, config };
}

function timed(host: Host, policy: Policy, call: Call): number {
  const { plugin, config } = callOf(policy, call);
  const start = performance.now();
  const { status, stdout } = callPlugin(host, executable, plugin, config);
  const time = performance.now() - start;
  if (status !== 0) throw new Error(`${call}: ${stdout}`);
  return time - entering(host);
}

/** How often the process asks the kernel something over netlink, or reads its answer: no noise is in this number. */
function netlinkCalls(host: Host, policy: Policy, call: Call): number {
  const { plugin, config } = callOf(policy, call);
  const trace = "/run/trace";
  host.run("strace", ["-f", "-e", "trace=sendto,recvfrom", "-o", trace, executable], {
    input: JSON.stringify(config),
    env: pluginEnvironment(executable, plugin),
  });
  return host.readFile(trace).match(/(sendto|recvfrom)\(/g)?.length ?? 0;
}

function entering(host: Host): number {
  const start = performance.now();
  host.run("true");
  return performance.now() - start;
}

/** What other work on the machine adds is left out better than by the median. */
function lowerQuartile(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 2] ?? Number.NaN;
}

console.log(`${runs} runs each, lower quartiles in ms; load ${loadavg()[0]?.toFixed(1)} at the start`);
const places: { policy: Policy; size: number; host: Host }[] = [];
try {
  for (const policy of policies) {
    for (const size of sizes) places.push({ policy, size, host: await filled(policy, size) });
  }
  const times = new Map<string, number[]>();
  const take = (policy: Policy, size: number, call: Call, host: Host): void => {
    const key = `${policy} ${size} ${call}`;
    times.set(key, [...(times.get(key) ?? []), timed(host, policy, call)]);
  };
  for (let run = 0; run < runs; run++) {
    for (const { policy, size, host } of run % 2 === 0 ? places : places.toReversed()) {
      for (const call of ["ADD", "DEL", "ADD", "DEL without prevResult"] as const) {
        take(policy, size, call, host);
      }
    }
  }
  const asked = new Map<string, number>();
  for (const { policy, size, host } of places) {
    for (const call of ["ADD", "DEL", "ADD", "DEL without prevResult"] as const) {
      asked.set(`${policy} ${size} ${call}`, netlinkCalls(host, policy, call));
    }
  }
  const at = (policy: Policy, size: number, call: Call): number =>
    lowerQuartile(times.get(`${policy} ${size} ${call}`) ?? []);
  const last = sizes.at(-1) ?? 0;
  console.table(
    policies.flatMap((policy) =>
      calls.map((call) => {
        const ratio = at(policy, last, call) / at(policy, 1, call);
        return {
          policy,
          call,
          ...Object.fromEntries(sizes.map((size) => [size, at(policy, size, call).toFixed(1)])),
          ratio: ratio.toFixed(2),
          "netlink calls": sizes.map((size) => asked.get(`${policy} ${size} ${call}`)).join(" "),
          [`within ${target}`]: ratio <= target,
        };
      }),
    ),
  );
  console.log(`load ${loadavg()[0]?.toFixed(1)} at the end`);
} finally {
  for (const { host } of places) await host.dispose();
}
