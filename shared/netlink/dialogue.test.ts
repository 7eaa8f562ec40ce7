import assert from "node:assert/strict";
import { test } from "node:test";
import { isErrno } from "../errors/system-error.ts";
import { Dialogue } from "./dialogue.ts";
import { decodeMessage, decodeMessages, encodeMessage, type Message } from "./message.ts";

// linux/netlink.h
const REQUEST = 0x1;
const MULTI = 0x2;
const ACK = 0x4;
const INTERRUPTED = 0x10;
const DUMP = 0x300;
const ERROR = 2;
const DONE = 3;

const firstSequence = 700;

type Answer = Omit<Message, "sequence"> & { sequence?: number };

/** A kernel that answers the n-th request with the n-th list of datagrams. */
function scripted(...answers: readonly (readonly (readonly Answer[])[])[]) {
  const requests: Message[] = [];
  let waiting: (readonly Answer[])[] = [];
  const dialogue = new Dialogue(
    {
      send: (_operation, datagram) => {
        const [request] = decodeMessages(datagram);
        assert.ok(request !== undefined);
        waiting.push(...(answers[requests.length] ?? []));
        requests.push(request);
      },
      receive: () => {
        const [datagram, ...rest] = waiting;
        assert.ok(datagram !== undefined, "waits for an answer that never comes");
        waiting = rest;
        const sequence = requests.at(-1)?.sequence ?? 0;
        return Buffer.concat(datagram.map((message) => encodeMessage({ sequence, ...message })));
      },
    },
    firstSequence,
  );
  return { dialogue, requests };
}

function object(letter: string, flags = MULTI): Answer {
  return { type: 16, flags, body: Buffer.from(letter.repeat(4)) };
}

/** NLMSG_ERROR or NLMSG_DONE with the negated errno. */
function end(type: number, errno = 0, flags = 0): Answer {
  const body = Buffer.alloc(type === ERROR ? 20 : 4);
  body.writeInt32LE(-errno, 0);
  return { type, flags, body };
}

function letters(messages: readonly Message[]): string {
  return messages.map(({ body }) => String.fromCharCode(body[0] ?? 0)).join("");
}

const body = new Uint8Array(4);

test("a request asks for an acknowledgement and returns what came before it", () => {
  const { dialogue, requests } = scripted([[object("a", 0)], [end(ERROR)]]);
  assert.equal(letters(dialogue.request("look", 18, 0x400, body)), "a");
  assert.deepEqual(
    requests.map(({ type, flags }) => [type, flags]),
    [[18, REQUEST | ACK | 0x400]],
  );
});

test("a refused request throws the errno with the operation, and the next request works", () => {
  const { dialogue } = scripted([[end(ERROR, 17)]], [[end(ERROR)]]);
  assert.throws(
    () => dialogue.request('cannot create link "x"', 16, 0, body),
    (error: Error) => isErrno(error, "EEXIST") && error.message.startsWith('cannot create link "x": EEXIST'),
  );
  assert.deepEqual(dialogue.request("again", 16, 0, body), []);
});

test("a request that was not carried out because of EINTR has failed", () => {
  const { dialogue } = scripted([[end(ERROR, 4)]]);
  assert.throws(
    () => dialogue.request("x", 16, 0, body),
    (error) => isErrno(error, "EINTR"),
  );
});

test("a dump goes on over datagrams until its end", () => {
  const { dialogue, requests } = scripted([[object("a"), object("b")], [object("c")], [end(DONE)]]);
  assert.equal(letters(dialogue.dump("list", 18, body)), "abc");
  assert.deepEqual(
    requests.map(({ flags }) => flags),
    [REQUEST | DUMP],
  );
});

test("the end of a dump may share a datagram with its last objects", () => {
  const { dialogue } = scripted([[object("a"), end(DONE)]]);
  assert.equal(letters(dialogue.dump("list", 18, body)), "a");
});

test("a dump that fails at its start, or half-way, throws", () => {
  const { dialogue } = scripted([[end(ERROR, 1)]], [[object("a")], [end(DONE, 12)]]);
  assert.throws(
    () => dialogue.dump("list", 18, body),
    (error) => isErrno(error, "EPERM"),
  );
  assert.throws(
    () => dialogue.dump("list", 18, body),
    (error) => isErrno(error, "ENOMEM"),
  );
});

test("an interrupted dump is read to its end, thrown away and repeated", () => {
  const { dialogue, requests } = scripted(
    [[object("a", MULTI | INTERRUPTED), object("b")], [end(DONE)]],
    [[object("c")], [end(DONE, 0, INTERRUPTED)]],
    [[end(DONE, 4)]],
    [[object("d"), end(DONE)]],
  );
  assert.equal(letters(dialogue.dump("list", 18, body)), "d");
  assert.equal(new Set(requests.map(({ sequence }) => sequence)).size, 4);
});

test("a dump that is always interrupted ends with an error", () => {
  const interrupted = [[object("a", MULTI | INTERRUPTED), end(DONE)]];
  const { dialogue } = scripted(...Array.from({ length: 100 }, () => interrupted));
  assert.throws(
    () => dialogue.dump("cannot list links", 18, body),
    (error: Error) =>
      isErrno(error, "EINTR") && /cannot list links.*interrupted \d+ times/.test(error.message),
  );
});

test("answers to earlier requests are no answers to this one", () => {
  const stale = { sequence: 0 };
  const { dialogue } = scripted([
    [{ ...object("x"), ...stale }, { ...end(ERROR, 17), ...stale }, object("a", 0)],
    [{ ...end(DONE), ...stale }],
    [end(ERROR)],
  ]);
  assert.equal(letters(dialogue.request("look", 18, 0, body)), "a");
});

test("what a dump tells is given away as it comes, and again when it is repeated", () => {
  const { dialogue } = scripted(
    [[object("a"), object("b", MULTI | INTERRUPTED)], [end(DONE)]],
    [[object("c")], [object("d"), end(DONE)]],
  );
  let taken = "";
  dialogue.dumpEach("list", 18, body, (place) => {
    taken += letters([decodeMessage(place)]);
  });
  assert.equal(taken, "abcd");
});

test("a dump whose listener fails is read to its end, and the failure comes through", () => {
  const { dialogue } = scripted([[object("a")], [object("b")], [end(DONE)]], [[object("c"), end(DONE)]]);
  let taken = 0;
  const fail = () => {
    taken += 1;
    throw new Error("enough");
  };
  assert.throws(() => dialogue.dumpEach("list", 18, body, fail), /enough/);
  assert.equal(taken, 1);
  assert.equal(letters(dialogue.dump("list", 18, body)), "c");
});

test("an answer without end is none", () => {
  const { dialogue } = scripted(Array.from({ length: 2000 }, () => [object("a")]));
  assert.throws(
    () => dialogue.request("cannot look", 18, 0, body),
    (error) => isErrno(error, "EMSGSIZE"),
  );
});

test("requests are numbered from where the socket says", () => {
  const { dialogue, requests } = scripted([[end(ERROR)]], [[end(DONE)]]);
  dialogue.request("x", 16, 0, body);
  dialogue.dump("x", 16, body);
  assert.deepEqual(
    requests.map(({ sequence }) => sequence),
    [firstSequence + 1, firstSequence + 2],
  );
});

/** A kernel that answers several requests at once with messages that have these places among them. */
function answering(...answers: readonly { to: number; errno: number }[]) {
  let requests: Message[] = [];
  const transport = {
    send: (_operation: string, datagram: Uint8Array) => {
      requests = decodeMessages(datagram);
    },
    receive: () =>
      Buffer.concat(
        answers.map(({ to, errno }) =>
          encodeMessage({ ...end(ERROR, errno), sequence: requests[to]?.sequence ?? 0 }),
        ),
      ),
  };
  return { dialogue: new Dialogue(transport, firstSequence), sent: () => requests };
}

test("several requests go in one datagram, and only the last one is acknowledged", () => {
  const { dialogue, sent } = answering({ to: 2, errno: 0 });
  dialogue.requestAll("x", 16, [body, body, body], []);
  assert.deepEqual(
    sent().map(({ flags }) => flags),
    [REQUEST, REQUEST, REQUEST | ACK],
  );
  dialogue.requestAll("x", 16, [], []);
});

test("of several requests the first failure is told that is none to be ignored", () => {
  const all = [body, body, body];
  answering({ to: 0, errno: 2 }, { to: 2, errno: 2 }).dialogue.requestAll("x", 16, all, ["ENOENT"]);
  for (const to of [1, 2]) {
    const failing = answering({ to: 0, errno: 2 }, { to, errno: 1 }, { to: 2, errno: 0 });
    assert.throws(
      () => failing.dialogue.requestAll("cannot forget", 16, all, ["ENOENT"]),
      (error) => isErrno(error, "EPERM"),
    );
  }
});

test("failures to send and to receive come through", () => {
  const broken = (end: "send" | "receive") =>
    new Dialogue(
      {
        send: () => {
          if (end === "send") throw new Error("not sent");
        },
        receive: () => {
          throw new Error("not received");
        },
      },
      0,
    );
  assert.throws(() => broken("send").request("x", 16, 0, body), /not sent/);
  assert.throws(() => broken("receive").dump("x", 16, body), /not received/);
});
