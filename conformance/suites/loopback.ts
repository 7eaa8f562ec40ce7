import type { Suite } from "../scenario/scenario.ts";

const up = { look: ["ip", "-j", "address", "show", "dev", "lo"], in: "c1" };

/** What the loopback plugin promises. */
export const loopback: Suite = {
  name: "loopback",
  scenarios: [
    {
      name: "brings lo up and reports its addresses",
      plugin: "loopback",
      source: "CNI plugins, loopback; SPEC section 4, ADD",
      versions: "all",
      steps: [
        {
          call: "ADD",
          ifname: "lo",
          expect: {
            result: {
              interfaces: [{ name: "lo", sandbox: "/run/netns/c1" }],
              ips: [
                { address: "127.0.0.1/8", interface: 0 },
                { address: "::1/128", interface: 0 },
              ],
            },
          },
        },
        { ...up, shows: [{ flags: { $has: ["UP", "LOWER_UP"] } }] },
        { packet: "ping", from: "c1", to: "127.0.0.1", arrives: true },
        { call: "CHECK", ifname: "lo" },
        { call: "DEL", ifname: "lo" },
        { ...up, shows: [{ flags: { $lacks: ["UP"] } }] },
      ],
    },
  ],
};
