import { isErrno, SystemError } from "../errors/system-error.ts";
import { EAGAIN, ENOBUFS } from "../linux/errno.ts";
import { call } from "../linux/libc.ts";
import { Patience, withLockFile } from "../linux/lock-file.ts";
import { MSG_DONTWAIT, SO_SNDBUF, SO_SNDBUFFORCE, SOL_SOCKET, socketCalls } from "../linux/socket.ts";
import { monotonicNow, sleep } from "../linux/wait.ts";
import { Attributes, ByteReader } from "../netlink/attribute-reader.ts";
import { AttributeWriter } from "../netlink/attribute-writer.ts";
import type { NetlinkSocket } from "../netlink/client.ts";
import { nfgenmsgLength } from "../netlink/constants.ts";
import { decodeMessages, type Message } from "../netlink/message.ts";
import { netfilterSocket } from "../netlink/netfilter-socket.ts";
import { receiveFromKernel } from "../netlink/receive.ts";
import { type BatchAnswer, decodeAnswer, encodeBatch } from "./batch.ts";
import { holdsBytes, holdsText, sameBytes } from "./bytes.ts";
import { type ChainName, chainKey, decodeChain, describeChain, type ListedChain } from "./chain.ts";
import { type Command, describeTable, type TableName } from "./command.ts";
import { decodeElements, type Element, elementQuery, elementScope } from "./element.ts";
import {
  type Family,
  familyFromNumber,
  familyHeader,
  messageType,
  NFT_MSG_GETCHAIN,
  NFT_MSG_GETGEN,
  NFT_MSG_GETRULE,
  NFT_MSG_GETSET,
  NFT_MSG_GETSETELEM,
  NFT_MSG_GETTABLE,
  NFTA_GEN_ID,
} from "./protocol.ts";
import { NftablesRefusal, refusal } from "./refusal.ts";
import { chainOfRule, decodeRule, type ListedRule, ruleScope } from "./rule.ts";
import { decodeSet, describeSet, type NamedSet, type SetName, setKey } from "./set.ts";
import { decodeTable, type ListedTable, tableKey } from "./table.ts";

/** For how long a change is planned anew that others make out of date, in milliseconds, and how often at least. */
const patience = 20_000;
const attempts = 100;

/**
 * After so many plans one after the other that are the same, what others change is not what the plan is about: who has
 * the lock, for which our other processes wait, goes on then whatever the generation. Otherwise a busy kube-proxy can
 * keep a plan from ever being in time. A command that no longer fits is still refused by itself.
 */
const sameEnough = 2;

/**
 * Only our own processes take it. Of fifty at once each would otherwise plan again and again what another one's
 * change has just made out of date; the kernel's comparison of generations is what makes a change right.
 */
const lockFile = "/run/cni-nftables.lock";
const lockPatience = new Patience(3_000, 60_000);

/** The ruleset of the network namespace in which it was opened. Every method throws SystemError. */
export class Nftables {
  readonly #socket: NetlinkSocket;

  constructor(socket: NetlinkSocket) {
    this.#socket = socket;
  }

  /** The number of the ruleset's state: every change, by anybody, makes another one. */
  generation(): number {
    const type = messageType(NFT_MSG_GETGEN);
    const operation = "cannot read the generation of the nf_tables ruleset";
    try {
      const [message] = this.#socket.request(operation, type, 0, familyHeader("unspecified"));
      return message === undefined ? 0 : (attributes(message).u32be(NFTA_GEN_ID) ?? 0);
    } catch (error) {
      throw missingSupport(error, operation);
    }
  }

  /** All tables of the families that this module knows. */
  listTables(): ListedTable[] {
    return this.#dump("cannot list tables", NFT_MSG_GETTABLE, "unspecified", noBytes).flatMap((message) => {
      const family = familyOf(message);
      return family === undefined ? [] : [decodeTable(family, attributeBytes(message))];
    });
  }

  getTable(table: TableName): ListedTable | undefined {
    const operation = `cannot read table ${describeTable(table)}`;
    const message = this.#get(operation, NFT_MSG_GETTABLE, table.family, tableKey(table));
    return message === undefined ? undefined : decodeTable(table.family, attributeBytes(message));
  }

  /** The chains of a table. The kernel tells those of all tables of the family: `getChain` costs less. */
  listChains(table: TableName): ListedChain[] {
    const operation = `cannot list chains of table ${describeTable(table)}`;
    return this.#dump(operation, NFT_MSG_GETCHAIN, table.family, noBytes)
      .map((message) => decodeChain(table.family, attributeBytes(message)))
      .filter((chain) => chain !== undefined)
      .filter((chain) => chain.table.name === table.name);
  }

  getChain(chain: ChainName): ListedChain | undefined {
    const { family } = chain.table;
    const operation = `cannot read chain ${describeChain(chain)}`;
    const message = this.#get(operation, NFT_MSG_GETCHAIN, family, chainKey(chain));
    return message === undefined ? undefined : decodeChain(family, attributeBytes(message));
  }

  /** The rules of a table, or of one of its chains, in order; none when it does not exist. */
  listRules(table: TableName, chain?: string): ListedRule[] {
    return this.findRules(table, chain, "");
  }

  /** As `listRules`, but only those whose comment begins with a text; the others are not even decoded. */
  findRules(table: TableName, chain: string | undefined, commentStart: string): ListedRule[] {
    const operation = `cannot list rules of table ${describeTable(table)}`;
    return this.#dump(operation, NFT_MSG_GETRULE, table.family, ruleScope(table, chain))
      .filter(({ body }) => holdsText(body, commentStart))
      .map((message) => decodeRule(table.family, attributeBytes(message)))
      .filter((rule) => rule.chain.table.name === table.name)
      .filter((rule) => chain === undefined || rule.chain.name === chain)
      .filter(({ comment = "" }) => comment.startsWith(commentStart));
  }

  /**
   * The chains of a table, or the one that is named, that have a rule in which these bytes stand somewhere. Rules are not
   * decoded for it.
   */
  chainsHolding(table: TableName, chain: string | undefined, bytes: Uint8Array): string[] {
    const operation = `cannot list rules of table ${describeTable(table)}`;
    const chains = this.#dump(operation, NFT_MSG_GETRULE, table.family, ruleScope(table, chain))
      .filter(({ body }) => holdsBytes(body, bytes))
      .map((message) => chainOfRule(attributeBytes(message)))
      .filter((name) => chain === undefined || name === chain);
    return [...new Set(chains)];
  }

  /** The named sets and maps of a table whose types this module knows; none when it does not exist. */
  listSets(table: TableName): NamedSet[] {
    const operation = `cannot list sets of table ${describeTable(table)}`;
    return this.#dump(operation, NFT_MSG_GETSET, table.family, tableKey(table))
      .map((message) => decodeSet(table.family, attributeBytes(message)))
      .filter((set) => set !== undefined);
  }

  getSet(set: SetName): NamedSet | undefined {
    const { family } = set.table;
    const message = this.#get(`cannot read set ${describeSet(set)}`, NFT_MSG_GETSET, family, setKey(set));
    return message === undefined ? undefined : decodeSet(family, attributeBytes(message));
  }

  /** The elements of a set, in no order; none when it does not exist. */
  listElements(set: NamedSet): Element[] {
    const operation = `cannot list elements of set ${describeSet(set)}`;
    const messages = this.#dump(operation, NFT_MSG_GETSETELEM, set.table.family, elementScope(set));
    return decodeElements(set, messages.map(attributeBytes));
  }

  /**
   * The elements whose comment begins with a text, for example all of one owner. Much faster than decoding them all.
   * Not for interval sets of a single type.
   */
  findElements(set: NamedSet, commentStart: string): Element[] {
    const operation = `cannot list elements of set ${describeSet(set)}`;
    const messages = this.#dump(operation, NFT_MSG_GETSETELEM, set.table.family, elementScope(set));
    const promising = messages.filter(({ body }) => holdsText(body, commentStart));
    return decodeElements(set, promising.map(attributeBytes), commentStart).filter(({ comment = "" }) =>
      comment.startsWith(commentStart),
    );
  }

  /**
   * One element by its key (and end), at a cost that does not grow with the set; undefined when it or the set is not
   * there. Not for interval sets of a single type.
   */
  getElement(set: NamedSet, element: Pick<Element, "key" | "keyEnd">): Element | undefined {
    const operation = `cannot read an element of set ${describeSet(set)}`;
    const message = this.#get(operation, NFT_MSG_GETSETELEM, set.table.family, elementQuery(set, element));
    return message === undefined ? undefined : decodeElements(set, [attributeBytes(message)])[0];
  }

  /**
   * Applies all commands or none.
   *
   * @param generation what the commands are based on: ERESTART when the ruleset has another by now.
   * @throws NftablesRefusal for the first command that the kernel refused.
   */
  apply(commands: readonly Command[], generation?: number): void {
    if (commands.length === 0) return;
    const sequence = this.#socket.takeSequences(commands.length + 2);
    this.#send(encodeBatch(commands, sequence, generation));
    const answer = this.#receive(sequence, commands.length);
    if (answer.errno !== 0) throw refusal(commands, answer);
  }

  #get(operation: string, type: number, family: Family, body: Uint8Array): Message | undefined {
    try {
      return this.#socket.request(operation, messageType(type), 0, withFamily(family, body))[0];
    } catch (error) {
      if (isErrno(error, "ENOENT")) return undefined;
      throw error;
    }
  }

  #dump(operation: string, type: number, family: Family | "unspecified", body: Uint8Array): Message[] {
    try {
      return this.#socket.dump(operation, messageType(type), withFamily(family, body));
    } catch (error) {
      if (isErrno(error, "ENOENT")) return [];
      throw error;
    }
  }

  #send(datagram: Uint8Array): void {
    const { fd } = this.#socket;
    // The kernel doubles it and counts its own overhead; without the privilege the system's limit holds.
    const size = new Uint8Array(new Uint32Array([datagram.length * 2]).buffer);
    if (
      datagram.length > 64 * 1024 &&
      call(socketCalls.setsockopt, fd, SOL_SOCKET, SO_SNDBUFFORCE, size, 4) < 0
    ) {
      call(socketCalls.setsockopt, fd, SOL_SOCKET, SO_SNDBUF, size, 4);
    }
    const sent = call(socketCalls.send, fd, datagram, datagram.length, 0);
    if (sent < 0) throw new SystemError("cannot send changes of the nf_tables ruleset", sent);
  }

  /**
   * The first refusal, or the acknowledgement of the last command. By the time `send` returns the kernel has done
   * its work and queued what it has to say, refusals in the order of the commands.
   */
  #receive(sequence: number, count: number): BatchAnswer {
    let first: BatchAnswer | undefined;
    let overflowed = false;
    for (;;) {
      const received = receiveFromKernel(this.#socket.fd, overflowed ? MSG_DONTWAIT : 0);
      if (received === -ENOBUFS && !overflowed) {
        // More refusals than the socket holds: the rest, and the acknowledgement, will not come.
        overflowed = true;
        continue;
      }
      if (received === -EAGAIN && first !== undefined) return first;
      if (typeof received === "number") {
        const errno = received === -EAGAIN ? ENOBUFS : received;
        throw new SystemError("cannot read what became of the nf_tables ruleset", errno);
      }
      for (const message of decodeMessages(received)) {
        const answer = decodeAnswer(message, sequence, count);
        if (answer === undefined) continue;
        if (answer.errno !== 0) first ??= answer;
        if (answer.index !== count - 1 && answer.index !== -1) continue;
        // A refusal before it may have been lost.
        if (overflowed && first === undefined) continue;
        return first ?? answer;
      }
    }
  }
}

const noBytes = new Uint8Array(0);

/** What a kernel says that has no nf_tables, or no netfilter netlink at all. */
const missing = ["EINVAL", "EOPNOTSUPP", "EPROTONOSUPPORT", "EAFNOSUPPORT"];

function missingSupport(error: unknown, operation: string): unknown {
  if (!(error instanceof SystemError) || !isErrno(error, ...missing)) return error;
  return new NftablesRefusal(operation, error.errno, "", "the kernel has no nf_tables: CONFIG_NF_TABLES");
}

const rulesets = new WeakMap<NetlinkSocket, Nftables>();

/** The ruleset of the calling thread's network namespace. Throws SystemError. */
export function openNftables(): Nftables {
  try {
    const socket = netfilterSocket();
    const ruleset = rulesets.get(socket) ?? new Nftables(socket);
    rulesets.set(socket, ruleset);
    return ruleset;
  } catch (error) {
    throw missingSupport(error, "cannot open the nf_tables ruleset");
  }
}

const answering = new WeakSet<Nftables>();

/**
 * Whether the kernel has nf_tables and this process may use it here. Changes nothing.
 *
 * @throws SystemError for failures that say neither.
 */
export function hasNftables(): boolean {
  try {
    const ruleset = openNftables();
    if (!answering.has(ruleset)) ruleset.generation();
    answering.add(ruleset);
    return true;
  } catch (error) {
    if (isErrno(error, ...missing, "EPERM")) return false;
    throw error;
  }
}

/** A change of the ruleset, with whatever else its plan has found out. */
interface Planned {
  readonly commands: readonly Command[];
}

/**
 * Changes the ruleset: lets `plan` read what it needs and decide, and applies its commands in one atomic batch, to
 * exactly the state that it read. When somebody else changed the ruleset in between, it is planned again. Nothing is
 * sent when the plan is empty.
 *
 * @returns the plan that was applied.
 * @throws NftablesRefusal when the kernel refuses a command; what `plan` throws.
 */
export function changeRuleset<Plan extends Planned>(nftables: Nftables, plan: () => Plan): Plan {
  return withLockFile(lockFile, lockPatience, (_fd, isLocked) => changeInTime(nftables, plan, isLocked));
}

/**
 * As `changeRuleset`, but `prepare` does something with the plan before it is applied, while nobody waits for the
 * lock. Others may change the ruleset meanwhile: then it is planned again, and not prepared again.
 *
 * @returns the plan that was applied.
 */
export function changeRulesetPrepared<Plan extends Planned>(
  nftables: Nftables,
  plan: () => Plan,
  prepare: (planned: Plan) => void,
): Plan {
  const generation = nftables.generation();
  const planned = plan();
  if (planned.commands.length === 0) return planned;
  prepare(planned);
  return changeRuleset(nftables, () => (nftables.generation() === generation ? planned : plan()));
}

/**
 * As `changeRuleset`, for a plan that only removes what is in these tables: where none of them exists, or the kernel has
 * no nf_tables, nothing is done, and no lock is taken or made.
 *
 * @returns the plan that was applied; undefined when nothing was planned.
 */
export function removeFromTables<Plan extends Planned>(
  tables: readonly TableName[],
  plan: (nftables: Nftables) => Plan,
): Plan | undefined {
  if (!hasNftables()) return undefined;
  const nftables = openNftables();
  const hasTable = tables.some((table) => nftables.getTable(table) !== undefined);
  return hasTable ? changeRuleset(nftables, () => plan(nftables)) : undefined;
}

function changeInTime<Plan extends Planned>(nftables: Nftables, plan: () => Plan, isLocked: boolean): Plan {
  const start = monotonicNow();
  let last: readonly Command[] = [];
  let same = 0;
  for (let attempt = 1; ; attempt++) {
    const generation = nftables.generation();
    const planned = plan();
    const { commands } = planned;
    same = sameCommands(commands, last) ? same + 1 : 0;
    last = commands;
    try {
      nftables.apply(commands, isLocked && same >= sameEnough ? undefined : generation);
      return planned;
    } catch (error) {
      // Kernels before 4.10 do not compare generations: there a refusal may come from the change.
      const isOutdated = isErrno(error, "ERESTART") || nftables.generation() !== generation;
      if (!isOutdated || (attempt >= attempts && monotonicNow() - start > patience)) throw error;
      sleep(Math.random() * Math.min(attempt, 10));
    }
  }
}

function sameCommands(commands: readonly Command[], others: readonly Command[]): boolean {
  return (
    commands.length === others.length &&
    commands.every(({ type, flags, family, body }, index) => {
      const other = others[index];
      return (
        other !== undefined &&
        type === other.type &&
        flags === other.flags &&
        family === other.family &&
        sameBytes(body, other.body)
      );
    })
  );
}

function withFamily(family: Family | "unspecified", body: Uint8Array): Uint8Array {
  return new AttributeWriter().raw(familyHeader(family)).raw(body).finish();
}

function familyOf(message: Message): Family | undefined {
  return familyFromNumber(new ByteReader(message.body).u8(0));
}

function attributeBytes(message: Message): Uint8Array {
  const reader = new ByteReader(message.body);
  return reader.slice(nfgenmsgLength, reader.length);
}

function attributes(message: Message): Attributes {
  return new Attributes(attributeBytes(message));
}
