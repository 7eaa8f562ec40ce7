import type { JsonObject } from "../../harness/host/json.ts";
import type { Pattern } from "../../scenario/match.ts";
import type { Scenario, Step } from "../../scenario/scenario.ts";
import { add, backup, link, mac, madeLink, noBackup, originalMac, refused } from "./link.ts";

const plugin = "tuning";
const manual = "tuning manual (cni.dev/plugins/current/meta/tuning)";
const all = { mac, mtu: 1400, promisc: true, allmulti: true, txQLen: 2000 };
const allShown = {
  address: mac,
  mtu: 1400,
  promiscuity: 1,
  txqlen: 2000,
  flags: { $has: ["ALLMULTI", "PROMISC"] },
};
const at = (last: number) => `02:00:00:00:00:0${last}`;

/** Each setting by itself: the key, and what the kernel shows of it. */
const each: [string, JsonObject, { [key: string]: Pattern }, readonly string[]][] = [
  ["mac", { mac }, { address: mac }, ["address", originalMac]],
  ["mtu", { mtu: 1400 }, { mtu: 1400 }, ["mtu", "1500"]],
  ["promisc", { promisc: true }, { promiscuity: 1, flags: { $has: ["PROMISC"] } }, ["promisc", "off"]],
  ["allmulti", { allmulti: true }, { flags: { $has: ["ALLMULTI"] } }, ["allmulticast", "off"]],
  ["txQLen", { txQLen: 2000 }, { txqlen: 2000 }, ["txqueuelen", "1000"]],
];

/** A MAC from several sources at once: the one that counts. */
function macFrom(config: JsonObject, wanted: string, args?: string): Step[] {
  return [
    add(config, args === undefined ? {} : { args }),
    link({ address: wanted }),
    { call: "DEL", config },
    link(),
  ];
}

/** Settings of the interface. */
export const settings: Scenario[] = [
  {
    name: "sets everything in ADD, CHECK sees it, DEL restores it, and the result goes through",
    plugin,
    source: `SPEC section 2, ADD, CHECK, DEL; ${manual}`,
    versions: "all",
    steps: [
      ...madeLink,
      add(all, {
        expect: {
          result: {
            ...resultWith(mac),
          },
        },
      }),
      link(allShown),
      { call: "CHECK", config: all },
      { call: "DEL", config: all },
      link(),
      noBackup,
    ],
  },
  {
    name: "without any key everything stays, and the result goes through as it is",
    plugin,
    source: "SPEC section 3: a plugin passes the result of the one before on",
    versions: "all",
    steps: [
      ...madeLink,
      add({}, { expect: { result: resultWith(originalMac) } }),
      link(),
      noBackup,
      { call: "CHECK" },
    ],
  },
  ...each.map(
    ([key, config, shown, [word = "", value = ""]]): Scenario => ({
      name: `${key}: set, checked, restored, in the configuration and in args.cni`,
      plugin,
      source: `${manual}, "${key}"; CONVENTIONS, "args"`,
      steps: [
        ...madeLink,
        ...[config, { args: { cni: config } }].flatMap((given): Step[] => [
          add(given),
          link(shown),
          { call: "CHECK", config: given },
          { run: ["ip", "link", "set", "eth0", word, value], in: "c1" },
          { call: "CHECK", config: given, expect: { error: { msg: { $match: "eth0" } } } },
          { call: "DEL", config: given },
          link(),
          noBackup,
        ]),
      ],
    }),
  ),
  {
    name: "allmulti false and txQLen 0 switch off, and DEL brings back",
    plugin,
    source: `${manual}, "allmulti", "txQLen"`,
    steps: [
      ...madeLink,
      { run: ["ip", "link", "set", "eth0", "allmulticast", "on"], in: "c1" },
      add({ allmulti: false, txQLen: 0 }),
      link({ txqlen: { $absent: true } }),
      { call: "CHECK", config: { allmulti: false, txQLen: 0 } },
      { call: "DEL", config: { allmulti: false, txQLen: 0 } },
      link({ flags: { $has: ["ALLMULTI"] } }),
    ],
  },
  {
    name: "promisc false, mtu 0 and an empty mac leave alone; so they take a setting back in args.cni",
    plugin,
    source: `${manual}; CONVENTIONS, "args"`,
    steps: [
      ...madeLink,
      add({ ...all, args: { cni: { mac: "", mtu: 0, promisc: false, allmulti: false, txQLen: 1000 } } }),
      link(),
      { call: "DEL", config: all },
      { run: ["ip", "link", "set", "eth0", "promisc", "on"], in: "c1" },
      add({ mac: "", mtu: 0, promisc: false }),
      link({ promiscuity: 1, flags: { $has: ["PROMISC"] } }),
    ],
  },
  {
    name: "the MAC comes from args.cni, else the runtime, else CNI_ARGS, else the configuration",
    plugin,
    source: `${manual}, "mac"; CONVENTIONS, mac, "args", CNI_ARGS`,
    steps: [
      ...madeLink,
      ...macFrom({ mac: at(5) }, at(5)),
      ...macFrom({ mac: at(5) }, at(6), `IgnoreUnknown=1;K8S_POD_NAME=x;MAC=${at(6)}`),
      ...macFrom({ mac: at(5), runtimeConfig: { mac: at(7) } }, at(7), `MAC=${at(6)}`),
      ...macFrom(
        { mac: at(5), runtimeConfig: { mac: at(7) }, args: { cni: { mac: at(8) } } },
        at(8),
        `MAC=${at(6)}`,
      ),
      ...macFrom({ mac: at(5), RuntimeConfig: { MAC: at(7) } }, at(7)),
      ...refused({}, "ARGS", { args: "K8S_POD_NAME=x" }),
    ],
  },
  {
    name: "the result tells the new MAC of the container's interface, and of no other",
    plugin,
    source: `SPEC section 5, Success: mac; ${manual}, "mac"`,
    steps: [
      ...madeLink,
      add(
        { mac },
        {
          prevResult: {
            interfaces: [
              { name: "other", mac: originalMac, sandbox: "/run/netns/c1" },
              { name: "eth0", mac: originalMac, sandbox: "/run/netns/c1" },
            ],
          },
          expect: { result: { interfaces: [{ mac: originalMac }, { name: "eth0", mac }] } },
        },
      ),
    ],
  },
  {
    name: "the result tells the new MTU where it told one",
    plugin,
    source: "SPEC 1.1.0, section 5, Success: mtu of interfaces",
    steps: [
      ...madeLink,
      add(
        { mtu: 1400 },
        {
          prevResult: {
            interfaces: [{ name: "eth0", mac: originalMac, mtu: 1500, sandbox: "/run/netns/c1" }],
          },
          expect: { result: { interfaces: [{ name: "eth0", mtu: 1400 }] } },
        },
      ),
    ],
  },
  {
    name: "a MAC may be written in capitals, with dashes or in groups of four",
    plugin,
    source: `${manual}, "mac"; net.ParseMAC of Go`,
    steps: [
      ...madeLink,
      ...["02-00-00-00-00-AB", "0200.0000.00AB"].flatMap((spelled): Step[] => [
        add(
          { mac: spelled },
          { expect: { result: { interfaces: [{}, { mac: { $match: "^02[-:.]?00" } }] } } },
        ),
        link({ address: "02:00:00:00:00:ab" }),
        { call: "CHECK", config: { mac: spelled } },
        { call: "DEL", config: { mac: spelled } },
        link(),
      ]),
    ],
  },
  {
    name: "CHECK of a container whose packets are captured finds no difference",
    plugin,
    source: "SPEC section 2, CHECK: only what the configuration asks for",
    steps: [
      ...madeLink,
      add({ mtu: 1400 }),
      { run: ["ip", "link", "set", "eth0", "promisc", "on"], in: "c1" },
      { call: "CHECK", config: { mtu: 1400 } },
    ],
  },
  {
    name: "CHECK notices that the interface is gone, and changes nothing",
    plugin,
    source: "SPEC section 2, CHECK",
    versions: { from: "0.4.0" },
    // What is left for whom is another scenario's affair.
    leaves: { files: [backup] },
    steps: [
      ...madeLink,
      add(all),
      { mark: true },
      { call: "CHECK", config: all },
      { call: "CHECK", config: all },
      { unchanged: true },
      link(allShown),
      { run: ["ip", "link", "delete", "eth0"], in: "c1" },
      { call: "CHECK", config: all, expect: { error: { msg: { $match: "eth0" } } } },
    ],
  },
  {
    name: "what the kernel or the specification does not allow is refused, and nothing is changed",
    plugin,
    source: "SPEC section 2, ADD: a failed ADD changes nothing",
    steps: [
      ...madeLink,
      ...refused({ mtu: "1400" }, "mtu"),
      ...refused({ mtu: 1400.5 }, "mtu"),
      ...refused({ promisc: 1 }, "promisc"),
      ...refused({ sysctl: { "net.ipv4.ip_forward": 1 } }, "sysctl"),
      ...refused({ mtu: 1400 }, "prevResult", { prevResult: "none" }),
      ...refused({ mtu: 1400 }, "prevResult", { prevResult: "none", config: { mtu: 1400, prevResult: "x" } }),
      ...refused({ mtu: 1400 }, "/run/netns/none", { netns: "/run/netns/none" }),
      ...refused({ mtu: 1400 }, "eth7", { ifname: "eth7" }),
    ],
  },
  {
    name: "a setting that the kernel refuses undoes those before it",
    plugin,
    source: "SPEC section 2, ADD: a failed ADD changes nothing",
    steps: [
      ...madeLink,
      ...refused({ mac: "zz" }, "zz"),
      ...refused({ mac: "02:00:00:00:00" }, "02:00:00:00:00"),
      ...refused({ mac: "ff:ff:ff:ff:ff:ff" }, "."),
      ...refused({ ...all, mtu: 100_000 }, "EINVAL|invalid argument"),
      ...refused({ sysctl: { "net.ipv4.conf.IFNAME.arp_notify": "1" }, mac, mtu: 100_000 }, "."),
      { look: ["cat", "/proc/sys/net/ipv4/conf/eth0/arp_notify"], in: "c1", shows: ["0"] },
    ],
  },
  {
    name: "a MAC longer than the interface's is refused",
    plugin,
    source: "if_link.h, IFLA_ADDRESS: of the device's length",
    steps: [...madeLink, ...refused({ mac: "c2:11:22:33:44:55:66:77" }, "c2:11:22:33:44:55:66:77")],
  },
  {
    name: "the settings from before are kept in a file, byte for byte the Go plugin's",
    plugin,
    source: `${manual}, "dataDir"; reference, Go plugin's backup`,
    steps: [
      ...madeLink,
      add(all),
      {
        file: backup,
        is: `{\n "mac": "${originalMac}",\n "promisc": false,\n "mtu": 1500,\n "allmulti": false,\n "txQLen": 1000\n}`,
      },
      { look: ["stat", "-c", "%a", backup], shows: ["600"] },
      { look: ["ls", "/run/cni/tuning"], shows: ["c1_eth0.json"] },
      { call: "DEL", config: all },
      noBackup,
      add({ mtu: 1400, dataDir: "/run/test/x/y" }),
      { file: "/run/test/x/y/c1_eth0.json", is: '{\n "mtu": 1500\n}' },
      noBackup,
      { call: "DEL", config: { dataDir: "/run/test/x/y" } },
      { file: "/run/test/x/y/c1_eth0.json", is: null },
      link(),
    ],
  },
  {
    name: "DEL restores what another plugin of the kind has kept",
    plugin,
    source: "reference, Go plugin's backup: an upgrade between ADD and DEL",
    steps: [
      ...madeLink,
      {
        write: backup,
        content: '{"mtu":1300,"mac":"02:00:00:00:00:33","promisc":true,"allmulti":true,"txQLen":7}',
      },
      { call: "DEL", config: all },
      link({
        address: "02:00:00:00:00:33",
        mtu: 1300,
        promiscuity: 1,
        txqlen: 7,
        flags: { $has: ["ALLMULTI", "PROMISC"] },
      }),
      noBackup,
    ],
  },
  {
    name: "DEL restores the originals also after a repeated ADD",
    plugin,
    source: "SPEC section 2, DEL; reference: the Go plugin overwrites what it kept",
    steps: [
      ...madeLink,
      add(all),
      add({ ...all, mtu: 1300 }),
      { call: "DEL", config: all },
      link(),
      noBackup,
    ],
  },
  {
    name: "DEL needs neither the namespace, nor the interface, nor the result, nor a valid configuration",
    plugin,
    source: "SPEC section 2, DEL: should complete even if some resources are missing",
    steps: [
      ...madeLink,
      { call: "DEL", config: all, prevResult: "none" },
      link(),
      add(all),
      { call: "DEL", config: { mtu: "1400", mac: "zz" }, prevResult: "none", args: "nonsense" },
      link(),
      noBackup,
    ],
  },
  {
    name: "DEL without the interface or the namespace leaves no file",
    plugin,
    source: "SPEC section 2, DEL: should complete even if some resources are missing",
    versions: "all",
    steps: [
      ...madeLink,
      add(all),
      { run: ["ip", "link", "delete", "eth0"], in: "c1" },
      { call: "DEL", config: all },
      noBackup,
      ...madeLink,
      add(all),
      { run: ["ip", "netns", "delete", "c1"] },
      { call: "DEL", config: all, netns: "" },
      noBackup,
    ],
  },
  {
    name: "behind bridge: CHECK of both agrees with the new MAC and MTU, packets go on, and DEL leaves nothing",
    plugin,
    source: "SPEC section 3: the result goes from plugin to plugin",
    versions: "all",
    steps: chained(),
  },
  {
    name: "VERSION tells every version of the specification",
    plugin,
    source: "SPEC section 2, VERSION",
    steps: [
      {
        call: "VERSION",
        expect: {
          result: {
            supportedVersions: { $has: ["0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"] },
          },
        },
      },
    ],
  },
];

/** What was made, with another MAC for eth0. */
function resultWith(address: string): { [key: string]: Pattern } {
  const [host = {}, eth0 = {}]: { [key: string]: Pattern }[] = [
    { name: "host0", mac: "0a:00:00:00:00:01" },
    { name: "eth0", mac: address, sandbox: "/run/netns/c1" },
  ];
  return {
    interfaces: [host, eth0],
    ips: [{ address: "10.1.0.2/24", gateway: "10.1.0.1", interface: 1 }],
    routes: [{ dst: "0.0.0.0/0" }],
    dns: { nameservers: ["10.1.0.1"] },
  };
}

function chained(): Step[] {
  const plugins = [
    {
      type: "bridge",
      bridge: "br0",
      isGateway: true,
      ipam: { type: "host-local", ranges: [[{ subnet: "10.1.0.0/24" }], [{ subnet: "fd00:1::/64" }]] },
    },
    { type: "tuning", capabilities: { mac: true }, mtu: 1400, sysctl: { "net.core.somaxconn": "500" } },
  ];
  return [
    {
      chain: "ADD",
      plugins,
      capabilityArgs: { mac },
      expect: { result: { interfaces: { $has: [{ name: "eth0", mac }] }, ips: { $length: 2 } } },
      onlyIn: { from: "0.3.0" },
    },
    { chain: "ADD", plugins, capabilityArgs: { mac }, onlyIn: { to: "0.2.0" } },
    {
      look: ["ip", "-j", "link", "show", "dev", "eth0"],
      in: "c1",
      shows: [{ address: mac, mtu: 1400 }],
    },
    { packet: "ping", from: "c1", to: "10.1.0.1", arrives: true },
    { chain: "CHECK", plugins, capabilityArgs: { mac } },
    { chain: "DEL", plugins, capabilityArgs: { mac } },
    { look: ["ip", "-j", "link"], in: "c1", shows: [{ ifname: "lo" }] },
  ];
}
