import { Host } from "../../harness/host/host.ts";
import { pluginFolder } from "../../harness/plugins/binaries.ts";
import { cacheResult } from "../../harness/plugins/cached-result.ts";
import { callPlugin, pluginEnvironment } from "../../harness/plugins/plugin-call.ts";
import { checkStatus, type Subject } from "./subject.ts";

const lostCache = "DEL without prevResult";

/**
 * firewall (backend nftables) with more and more attachments on the host, for each policy. The Go plugin has no such
 * backend. DEL is called by a runtime with a cache, and by one that has lost it. The time for entering the host is left
 * out, and other work on the machine better than by the median.
 */
export const firewall: Subject = {
  of: "attachments",
  sizes: [1, 100, 1000],
  runs: 21,
  quantile: 0.25,
  variants: { open: Infinity, "same-bridge": Infinity, isolated: Infinity },
  calls: ["ADD", "DEL", "ADD", lostCache],
  async place(policy, size) {
    const executable = `${pluginFolder()}/firewall`;
    const host = await filled(executable, policy, size);
    return {
      time(call) {
        const { plugin, config } = callOf(policy, call);
        const start = performance.now();
        checkStatus(call, callPlugin(host, executable, plugin, config));
        const time = performance.now() - start;
        return time - entering(host);
      },
      /** How often the process asks the kernel something over netlink, or reads its answer. */
      count(call) {
        const { plugin, config } = callOf(policy, call);
        const trace = "/run/trace";
        host.run("strace", ["-f", "-e", "trace=sendto,recvfrom", "-o", trace, executable], {
          input: JSON.stringify(config),
          env: pluginEnvironment(executable, plugin),
        });
        return host.readFile(trace).match(/(sendto|recvfrom)\(/g)?.length ?? 0;
      },
      dispose: () => host.dispose(),
    };
  },
};

function configOf(policy: string): object {
  return { cniVersion: "1.0.0", name: "net", type: "firewall", backend: "nftables", ingressPolicy: policy };
}

/** Of the one interface by which all attachments count as alive. */
const mac = "02:00:00:00:00:01";

/** The result for the attachment with this number: its addresses and its port are its own. */
function resultOf(index: number): object {
  const part = `${(index >> 8) + 1}`;
  return {
    cniVersion: "1.0.0",
    interfaces: [{ name: "cni0" }, { name: `veth${index}` }, { name: "eth0", mac, sandbox: "/run/netns/c" }],
    ips: [{ address: `10.1.${part}.${index & 255}/16` }, { address: `fd00::${part}:${index & 255}/64` }],
  };
}

/** A host with this many attachments, made from a runtime's cache in one go. */
async function filled(executable: string, policy: string, size: number): Promise<Host> {
  const host = await Host.create();
  const netns = host.addNetns("c");
  host.run("ip", ["-n", "c", "link", "add", "eth0", "address", mac, "type", "veth", "peer", "name", "other"]);
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

function callOf(policy: string, call: string) {
  const index = 5000;
  const attachment = { containerId: `${index}`.padStart(64, "0"), netns: "/run/netns/c", ifname: "eth0" };
  const command = call === "ADD" ? "ADD" : "DEL";
  const config = { ...configOf(policy), ...(call !== lostCache && { prevResult: resultOf(index) }) };
  return { plugin: { command, ...attachment } as const, config };
}

function entering(host: Host): number {
  const start = performance.now();
  host.run("true");
  return performance.now() - start;
}
