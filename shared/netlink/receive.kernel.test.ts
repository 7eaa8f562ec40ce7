import assert from "node:assert/strict";
import { closeSync } from "node:fs";
import { type TestContext, test } from "node:test";
import { hostFor } from "../../conformance/harness/host/host.ts";
import { isErrno } from "../errors/system-error.ts";
import { call } from "../linux/libc.ts";
import { inNetns, openNetns } from "../linux/netns.ts";
import { NetlinkSocket, openNetlink } from "./client.ts";
import { NETLINK_ROUTE, NLM_F_ACK, NLM_F_REQUEST, NLMSG_ERROR } from "./constants.ts";
import { decodeMessages, encodeMessage } from "./message.ts";
import { receiveFromKernel, receiveOnce, sockaddrLength, socketAddress } from "./receive.ts";

const AF_NETLINK = 16;
const SOCK_RAW_CLOEXEC = 3 | 0o2000000;
const MSG_DONTWAIT = 0x40;
const ECONNREFUSED = 111;
const ENOBUFS = 105;
const RTM_GETLINK = 18;
const RTM_NEWLINK = 16;

const sendto =
  "ssize_t sendto(int fd, void *data, size_t length, int flags, void *address, uint32_t addressLength)";

/** struct ifinfomsg of lo */
const loopback = Uint8Array.of(0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);

/** Sockets in a namespace of their own: as they were before the kernel was told whom to let through, and somebody's. */
async function scratch(t: TestContext) {
  const host = await hostFor(t);
  const netns = openNetns(host.outside(host.addNetns("a")));
  t.after(() => netns.close());
  return inNetns(netns, () => {
    const open = () => {
      const fd = call(
        "int socket(int domain, int type, int protocol)",
        AF_NETLINK,
        SOCK_RAW_CLOEXEC,
        NETLINK_ROUTE,
      );
      t.after(() => closeSync(fd));
      call("int bind(int fd, void *address, uint32_t length)", fd, socketAddress(0), sockaddrLength);
      return fd;
    };
    const guarded = openNetlink(NETLINK_ROUTE);
    t.after(() => guarded.close());
    return { unguarded: open(), other: open(), guarded };
  });
}

function portOf(fd: number): number {
  const address = new Uint8Array(sockaddrLength);
  call(
    "int getsockname(int fd, void *address, void *length)",
    fd,
    address,
    Uint8Array.of(sockaddrLength, 0, 0, 0),
  );
  return new DataView(address.buffer).getUint32(4, true);
}

/** The outcome of sending from one socket to another what looks like the kernel's answer. */
function forge(from: number, to: number, sequence = 1): number {
  const answers = [
    { type: RTM_NEWLINK, flags: 0, sequence, body: loopback },
    { type: NLMSG_ERROR, flags: 0, sequence, body: new Uint8Array(20) },
  ];
  const forged = Buffer.concat(answers.map(encodeMessage));
  const address = socketAddress(portOf(to));
  return call(sendto, from, forged, forged.length, MSG_DONTWAIT, address, address.length);
}

function fill(from: number, to: number): void {
  let sent = 0;
  while (forge(from, to) > 0) sent += 1;
  assert.ok(sent > 10);
}

function ask(fd: number, sequence: number): void {
  const request = encodeMessage({
    type: RTM_GETLINK,
    flags: NLM_F_REQUEST | NLM_F_ACK,
    sequence,
    body: loopback,
  });
  assert.ok(
    call("ssize_t send(int fd, void *buffer, size_t length, int flags)", fd, request, request.length, 0) > 0,
  );
}

test("nobody but the kernel can send to a socket that we have opened", async (t) => {
  const { guarded, other } = await scratch(t);
  for (let times = 0; times < 3; times++) {
    assert.equal(forge(other, guarded.fd), -ECONNREFUSED);
    assert.equal(guarded.request("look", RTM_GETLINK, 0, loopback).length, 1);
  }
});

test("what somebody else has sent before is thrown away, right sequence number or not", async (t) => {
  const { unguarded, other } = await scratch(t);
  for (let times = 0; times < 20; times++) assert.ok(forge(other, unguarded, 5) > 0);
  assert.equal(receiveOnce(unguarded, MSG_DONTWAIT), undefined);
  ask(unguarded, 5);
  assert.ok(forge(other, unguarded, 5) > 0);
  const messages = [0, 1].flatMap(() => {
    const received = receiveFromKernel(unguarded, MSG_DONTWAIT);
    assert.ok(typeof received !== "number");
    return decodeMessages(received).map(({ type, body }) => [type, body.length > loopback.length]);
  });
  assert.deepEqual(messages, [
    [RTM_NEWLINK, true],
    [NLMSG_ERROR, true],
  ]);
});

test("a socket that somebody else has filled costs an error, and works again when it is empty", async (t) => {
  const { unguarded, other } = await scratch(t);
  fill(other, unguarded);
  const socket = new NetlinkSocket(unguarded);
  const look = () => socket.request("cannot look", RTM_GETLINK, 0, loopback);
  assert.throws(look, (error) => isErrno(error, "ENOBUFS"));
  assert.equal(look().length, 1);
});

test("a full socket is told of before what it holds", async (t) => {
  const { unguarded, other } = await scratch(t);
  fill(other, unguarded);
  ask(unguarded, 1);
  assert.equal(receiveFromKernel(unguarded, MSG_DONTWAIT), -ENOBUFS);
  assert.equal(receiveOnce(unguarded, MSG_DONTWAIT), undefined);
});

test("no two sockets number their requests alike", async (t) => {
  const { guarded, unguarded } = await scratch(t);
  const firsts = [guarded, new NetlinkSocket(unguarded), new NetlinkSocket(unguarded)].map((socket) =>
    socket.takeSequences(1),
  );
  assert.equal(new Set(firsts).size, 3);
});
