import assert from "node:assert/strict";
import { test } from "node:test";
import { CniError } from "../../shared/cni/errors/cni-error.ts";
import { formatIp } from "../../shared/ip/address.ts";
import { mappingsOf, type RawMapping, validateMappings } from "./mappings.ts";

const tcp = { hostPort: 8080, containerPort: 80, protocol: "tcp" };

function refusal(mappings: RawMapping[]): CniError {
  try {
    validateMappings(mappings);
  } catch (error) {
    if (error instanceof CniError) return error;
  }
  throw new Error("it was accepted");
}

test("ports are 1 to 65535, the container's is looked at first", () => {
  assert.equal(refusal([{ protocol: "tcp" }]).message, "Invalid container port number: 0");
  assert.equal(refusal([{ ...tcp, hostPort: -1 }]).message, "Invalid host port number: -1");
  assert.equal(refusal([{ ...tcp, hostPort: 65536 }]).message, "Invalid host port number: 65536");
  assert.match(refusal([tcp, { ...tcp, containerPort: 70000 }]).details, /portMappings\[1\]/);
  assert.equal(validateMappings([{ ...tcp, hostPort: 65535, containerPort: 1 }]).length, 1);
});

test("protocols are known in any case and have no default", () => {
  assert.deepEqual(
    validateMappings(["TCP", "udp", "Sctp", "dccp"].map((protocol) => ({ ...tcp, protocol }))).map(
      ({ protocol }) => protocol,
    ),
    ["tcp", "udp", "sctp", "dccp"],
  );
  for (const protocol of ["", "icmp", "tcp,udp", "6", "tcp "]) {
    const error = refusal([{ ...tcp, protocol }]);
    assert.equal(error.code, 7);
    assert.equal(error.message, `unknown protocol ${JSON.stringify(protocol)} specified`);
  }
});

test("a host address limits a mapping to it, or to its family", () => {
  const families = (hostIP: string) => {
    const mappings = validateMappings([{ ...tcp, hostIP }]);
    return ([4, 6] as const).filter((family) => mappingsOf(mappings, family).length > 0);
  };
  assert.deepEqual(families(""), [4, 6]);
  assert.deepEqual(families("0.0.0.0"), [4]);
  assert.deepEqual(families("::"), [6]);
  assert.deepEqual(families("127.0.0.1"), [4]);
  assert.deepEqual(families("::ffff:1.2.3.4"), [4]);
  assert.deepEqual(families("::ffff:0.0.0.0"), [4]);
  assert.deepEqual(families("::1"), [6]);

  const [any, mapped, six] = validateMappings(
    ["0.0.0.0", "::ffff:1.2.3.4", "2001:DB8:0::5"].map((hostIP) => ({ ...tcp, hostIP })),
  ).map(({ hostIp }) => hostIp);
  assert.equal(any, undefined);
  assert.equal(mapped && formatIp(mapped), "1.2.3.4");
  assert.equal(six && formatIp(six), "2001:db8::5");
});

test("a host address that is none is not passed over", () => {
  for (const hostIP of ["notanip", "10.1.0.0/16", "[::]", "fe80::1%eth0", "1.2.3", " 1.2.3.4", "010.0.0.1"]) {
    const error = refusal([{ ...tcp, hostIP }]);
    assert.equal(error.code, 7, hostIP);
    assert.equal(error.message, `invalid hostIP ${JSON.stringify(hostIP)}`);
  }
});
