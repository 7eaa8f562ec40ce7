/**
 * `npm run demo`: connects containers by the network that nerdctl writes, on a scratch host: network, mount and PID
 * namespaces of its own, which vanish with this process however it ends (conformance/harness/host/host.ts).
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { Host } from "../../conformance/harness/host/host.ts";
import { asObject } from "../../conformance/harness/host/json.ts";
import { type Conflist, readConflist } from "../../conformance/harness/plugins/conflist.ts";
import { firstAddress } from "../../conformance/harness/plugins/result.ts";
import { addOutside, outsideAddresses } from "../../conformance/harness/traffic/traffic.ts";
import { type Container, Network } from "./network.ts";
import { Shell } from "./shell.ts";
import { compactJson, Story } from "./story.ts";

const root = join(import.meta.dirname, "../..");
const gateway = "10.4.0.1";
const hostAddress = outsideAddresses.host.ipv4;
const neighbour = outsideAddresses.outside.ipv4;
const page = "Hello from the container";

const story = new Story();
let host: Host | undefined;
let stoppedBy = "";
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  process.on(signal, () => {
    stoppedBy = signal;
    if (host === undefined) process.exit(130);
    // Ends the command that is running, and with it the demo.
    void host.dispose();
  });
}

try {
  const list = readConflist("nerdctl-bridge.conflist");
  requireBasics(list);
  host = await Host.create();
  await tell(host, list);
} catch (error) {
  process.exitCode = stoppedBy === "" ? 1 : 130;
  if (stoppedBy === "") story.fail(error);
  else console.log(`\nStopped by ${stoppedBy}.`);
} finally {
  await host?.dispose();
}
if (process.exitCode !== undefined) console.log("Nothing was changed on this machine.");

function requireBasics(list: Conflist): void {
  if (process.getuid?.() !== 0) {
    throw new Error("making network namespaces takes root: run this as root, for example sudo npm run demo");
  }
  for (const type of ["loopback", "host-local", ...list.plugins.map((plugin) => String(plugin["type"]))]) {
    if (!existsSync(join(root, "dist/bin", type))) {
      throw new Error(`dist/bin/${type} is missing: run npm run build`);
    }
  }
}

async function tell(host: Host, list: Conflist): Promise<void> {
  const directory = host.tempDir();
  const shell = new Shell(host, story, directory);
  const network = new Network(host, shell, list, directory);
  const portMappings = [{ hostPort: 8080, containerPort: 80, protocol: "tcp" }];
  const web: Container = { id: "web", netns: "/run/netns/web", capabilityArgs: { portMappings } };
  const other: Container = { id: "other", netns: "/run/netns/other" };
  let webAddress = "";
  let otherAddress = "";

  story.say(
    "Containers get a network, on a scratch host: namespaces of its own, which go away with this demo.",
  );
  story.say("All commands are run there. The network of this machine is not touched.");

  await story.step("A host with the six plugins, nerdctl's network and a neighbour", async () => {
    host.bind(join(root, "dist/bin"), "/opt/cni/bin");
    host.writeFile(`/etc/cni/net.d/${list.file}`, list.text);
    addOutside(host);
    await shell.run("ls -C /opt/cni/bin");
    await shell.run(`grep '"type"' /etc/cni/net.d/${list.file}`);
    await shell.run("ip -4 -brief address show uplink0");
    return `the host is ${hostAddress}; its neighbour ${neighbour} knows no way to containers`;
  });

  await story.step("Two containers, which are network namespaces without any connection", async () => {
    await shell.run("ip netns add web");
    await shell.run("ip netns add other");
    await shell.run("ip -n web -brief link");
    return "there is only lo, and it is down";
  });

  await story.step("loopback sets lo up", async () => {
    const config = { cniVersion: list.cniVersion, name: "loopback", type: "loopback" };
    host.writeFile(`${directory}/loopback.json`, JSON.stringify(config));
    shell.export({
      CNI_PATH: "/opt/cni/bin",
      CNI_CONTAINERID: web.id,
      CNI_NETNS: web.netns,
      CNI_IFNAME: "lo",
    });
    await shell.time("CNI_COMMAND=ADD /opt/cni/bin/loopback < loopback.json");
    const shown = await shell.run("ip -n web -brief address show lo");
    insist(shown.includes("127.0.0.1/8"), "lo has no address 127.0.0.1");
    return "web reaches itself";
  });

  await story.step("ADD of web, with port 8080 of the host published to its port 80", async () => {
    story.say(
      "   Each plugin gets its part of the conflist, and the result so far, as from a container runtime.",
    );
    const result = await network.add(web);
    story.say("   The result for the runtime:");
    story.output(compactJson(asObject(result)));
    webAddress = firstAddress(result);
    return `web is attached and has ${webAddress}`;
  });

  await story.step("Address and routes in web", async () => {
    const addresses = await shell.run("ip -n web address show eth0");
    insist(addresses.includes(`inet ${webAddress}/24`), `eth0 does not have ${webAddress}`);
    const routes = await shell.run("ip -n web route");
    insist(routes.includes(`default via ${gateway}`), "the default route is missing");
    return `an address of the network, and a default route by the host, ${gateway}`;
  });

  await story.step("ADD of the second container", async () => {
    otherAddress = firstAddress(await network.add(other));
    insist(otherAddress !== webAddress, `both containers have ${webAddress}`);
    return `other has ${otherAddress}`;
  });

  await story.step("web pings the host, the second container and the host's neighbour", async () => {
    for (const address of [gateway, otherAddress, neighbour]) {
      const answer = await shell.run(`ip netns exec web ping -c 1 -W 5 -q ${address} | grep transmitted`);
      insist(answer.includes(" 1 received"), `${address} does not answer`);
    }
    return "the neighbour's answer finds back because the host masquerades what leaves the network";
  });

  await story.step("A page of a web server in web, through the published port", async () => {
    // By a path without blanks, wherever the repository is.
    host.bind(root, "/opt/demo");
    const server = `conformance/harness/traffic/traffic-tool.ts http 80 "${page}"`;
    await shell.start(`ip netns exec web node_modules/.bin/node ${server}`, "/opt/demo");
    const requests = [
      { place: "", address: "127.0.0.1" },
      { place: "", address: hostAddress },
      { place: "ip netns exec other ", address: hostAddress },
      { place: "ip netns exec outside ", address: hostAddress },
    ];
    for (const { place, address } of requests) {
      const answer = await shell.run(`${place}curl --no-progress-meter --max-time 5 http://${address}:8080/`);
      insist(answer.includes(page), "this is not the page");
    }
    return "it came to the host, to the second container and to the neighbour, whose own address the server sees";
  });

  await story.step("CHECK compares all that with what was set up", async () => {
    await network.check(web);
    return "no plugin finds a difference";
  });

  await story.step("DEL of web", async () => {
    await network.del(web);
    const shown = await shell.run("ip -n web -brief link");
    insist(!shown.includes("eth0"), "eth0 is still there");
    await shell.run("curl --no-progress-meter --max-time 5 http://127.0.0.1:8080/", [7]);
    return "web has no interface any more, and port 8080 is closed";
  });

  await story.step("DEL of the second container, whose namespace is gone already", async () => {
    await shell.run("ip netns delete other");
    await network.del({ ...other, netns: "" });
    return "without the namespace it works too: nerdctl calls it like this";
  });

  await story.step("What is left of both", async () => {
    const links = await shell.run("ip -brief link");
    insist(!/^veth/m.test(links), "a link of a container is left");
    for (const tool of ["iptables-save", "ip6tables-save"]) {
      await shell.run(`${tool} | grep -e web -e other -e ${webAddress} -e ${otherAddress} -e 8080`, [1]);
    }
    await shell.run(`conntrack -L 2>/dev/null | grep -e ${webAddress} -e ${otherAddress}`, [1]);
    const leases = await shell.run(`ls -C ${list.dataDir}/${list.name}`);
    insist(!/(^|\s)10\.4\./.test(leases), "a lease is left");
    return `no link, no rule, no connection, no lease; the bridge ${list.bridge} waits for the next container`;
  });

  story.end([
    "The executables in dist/bin attached, connected, checked and detached two containers.",
    "Nothing was changed on this machine. README.md tells how to install them.",
  ]);
}

function insist(holds: boolean, otherwise: string): void {
  if (!holds) throw new Error(otherwise);
}
