import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { hostFor } from "../../conformance/harness/host/host.ts";
import { ipJson } from "../../conformance/harness/host/inspect.ts";
import { objectList } from "../../conformance/harness/host/json.ts";
import { isErrno, SystemError } from "../errors/system-error.ts";
import { formatPrefix, type IpPrefix, parsePrefix } from "../ip/prefix.ts";
import { inNetns, openNetns } from "../linux/netns.ts";
import { addAddress, deleteAddress, IFA_F_NODAD, IFA_F_TENTATIVE, listAddresses } from "./address.ts";
import { openRtnetlink } from "./client.ts";
import { requireLink } from "./link.ts";

/** A namespace with the links v0 and v1, both up. */
async function scratch(t: TestContext) {
  const host = await hostFor(t);
  const netns = openNetns(host.outside(host.addNetns("a")));
  const rt = inNetns(netns, openRtnetlink);
  t.after(() => {
    rt.close();
    netns.close();
  });
  const ip = (...args: string[]) => host.inNetns("a", "ip", args);
  ip("link", "add", "v0", "type", "veth", "peer", "name", "v1");
  for (const name of ["lo", "v0", "v1"]) ip("link", "set", name, "up");
  return {
    rt,
    ip,
    v0: requireLink(rt, "v0"),
    v1: requireLink(rt, "v1"),
    /** Addresses of a link as iproute2 sees them. */
    shown: (name: string) => {
      const [link] = ipJson(host, ["address", "show", "dev", name], "a");
      return objectList(link?.["addr_info"]).map((info) => ({
        address: `${info["local"]}/${info["prefixlen"]}`,
        broadcast: info["broadcast"],
        scope: info["scope"],
      }));
    },
  };
}

function prefix(text: string): IpPrefix {
  const parsed = parsePrefix(text);
  assert.ok(parsed !== undefined);
  return parsed;
}

test("IPv4 addresses are added with the broadcast address that their network has", async (t) => {
  const { rt, v0, shown } = await scratch(t);
  for (const text of ["10.1.2.3/24", "10.1.3.1/30", "10.1.4.1/31", "10.1.5.1/32"]) {
    assert.equal(addAddress(rt, v0, prefix(text)), true);
  }
  assert.deepEqual(
    shown("v0").filter(({ address }) => address.startsWith("10.")),
    [
      { address: "10.1.2.3/24", broadcast: "10.1.2.255", scope: "global" },
      { address: "10.1.3.1/30", broadcast: "10.1.3.3", scope: "global" },
      { address: "10.1.4.1/31", broadcast: undefined, scope: "global" },
      { address: "10.1.5.1/32", broadcast: undefined, scope: "global" },
    ],
  );
});

test("an IPv6 address is tentative until the kernel has looked for duplicates, unless it must not", async (t) => {
  const { rt, v0 } = await scratch(t);
  addAddress(rt, v0, prefix("2001:db8::1/64"));
  addAddress(rt, v0, prefix("2001:db8::2/64"), IFA_F_NODAD);
  const flags = new Map(
    listAddresses(rt, { family: 6, index: v0.index }).map((entry) => [
      formatPrefix(entry.prefix),
      entry.flags,
    ]),
  );
  assert.equal((flags.get("2001:db8::2/64") ?? 0) & (IFA_F_NODAD | IFA_F_TENTATIVE), IFA_F_NODAD);
  assert.equal((flags.get("2001:db8::1/64") ?? 0) & IFA_F_NODAD, 0);
});

test("addresses are listed as iproute2 sees them, of one link, one family or all", async (t) => {
  const { rt, v0, v1, shown, ip } = await scratch(t);
  addAddress(rt, v0, prefix("10.1.2.3/24"));
  addAddress(rt, v1, prefix("2001:db8::1/64"), IFA_F_NODAD);
  ip("address", "add", "10.9.0.1", "peer", "10.9.0.2/32", "dev", "v1");
  const listed = (filter: { family?: 4 | 6; index?: number }) =>
    listAddresses(rt, filter).map(({ prefix }) => formatPrefix(prefix));
  for (const link of [v0, v1]) {
    assert.deepEqual(
      listed({ index: link.index }),
      shown(link.name).map(({ address }) => address),
    );
  }
  assert.deepEqual(listed({ family: 4 }).sort(), ["10.1.2.3/24", "10.9.0.1/32", "127.0.0.1/8"]);
  assert.ok(listed({ family: 6 }).includes("::1/128"));
  assert.equal(listed({}).length, listed({ family: 4 }).length + listed({ family: 6 }).length);
  const [loopback] = listAddresses(rt, { family: 4 });
  assert.deepEqual([loopback?.index, loopback?.scope], [1, 254]);
});

test("to ask for the addresses of a link that is gone is an error", async (t) => {
  const { rt } = await scratch(t);
  for (const filter of [{ index: 4711 }, { index: 4711, family: 6 }] as const) {
    assert.throws(
      () => listAddresses(rt, filter),
      (error) => isErrno(error, "ENODEV"),
    );
  }
});

test("adding an address twice says so, and deleting it twice is no error", async (t) => {
  const { rt, v0, v1 } = await scratch(t);
  for (const text of ["10.1.2.3/24", "2001:db8::1/64"]) {
    const present = () =>
      listAddresses(rt, { index: v0.index }).some((entry) => formatPrefix(entry.prefix) === text);
    assert.equal(addAddress(rt, v0, prefix(text)), true);
    assert.equal(addAddress(rt, v0, prefix(text)), false);
    assert.ok(present());
    deleteAddress(rt, v1, prefix(text));
    assert.ok(present());
    deleteAddress(rt, v0, prefix(text));
    assert.ok(!present());
    deleteAddress(rt, v0, prefix(text));
  }
  deleteAddress(rt, { index: 4711, name: "gone" }, prefix("10.1.2.3/24"));
});

test("a refused address is named with its link", async (t) => {
  const { rt } = await scratch(t);
  assert.throws(
    () => addAddress(rt, { index: 4711, name: "gone" }, prefix("10.1.2.3/24")),
    (error) =>
      error instanceof SystemError &&
      error.errno === "ENODEV" &&
      error.message.startsWith('failed to add IP addr 10.1.2.3/24 to "gone": ENODEV'),
  );
});
