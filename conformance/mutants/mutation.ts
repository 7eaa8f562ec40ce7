import { runCommand, toolEnvironment } from "../harness/host/command.ts";
import { isObject, type JsonObject, objectList } from "../harness/host/json.ts";

/** One call, as a plugin is given it. */
export type Request = { env: Record<string, string>; stdin: string };

/** What a plugin gives back. */
export type Answer = { status: number; stdout: string; stderr: string };

/**
 * A plugin with one mistake: a request passes it on the way to the real plugin, the answer on the way back. Each
 * part may be there or not.
 */
export type Mutation = {
  /** The answer without asking the real plugin; undefined asks it. */
  instead?: (request: Request) => Answer | undefined;
  request?: (request: Request) => Request;
  answer?: (answer: Answer, request: Request) => Answer;
};

/** A plugin that is deliberately wrong, and the scenario that must notice. */
export type Mutant = {
  name: string;
  plugin: string;
  mutation: Mutation;
  /**
   * The ID of the scenario that must fail for it: `SUITE/NAME@VERSION`, or `SUITE/NAME` for the newest version that the
   * scenario has.
   */
  killedBy: string;
  /** What the scenario must say then: that it noticed this mistake, and does not fail for something else. */
  reason: RegExp;
  /** How long its calls may take, in seconds, where a hang is the mistake. Default: the runner's limit. */
  limitSeconds?: number;
};

export const silence: Answer = { status: 0, stdout: "", stderr: "" };

/** The mutation for some commands only. */
export function only(commands: string, mutation: Mutation): Mutation {
  const isMeant = ({ env }: Request) => commands.split(" ").includes(env["CNI_COMMAND"] ?? "");
  const { instead, request: onRequest, answer: onAnswer } = mutation;
  return {
    ...(instead && { instead: (request) => (isMeant(request) ? instead(request) : undefined) }),
    ...(onRequest && { request: (request) => (isMeant(request) ? onRequest(request) : request) }),
    ...(onAnswer && {
      answer: (answer, request) => (isMeant(request) ? onAnswer(answer, request) : answer),
    }),
  };
}

/** A plugin that does nothing and says that all went well. */
export const nothingDone: Mutation = { instead: () => silence };

/** A plugin that reads another configuration than it is given. */
export function otherConfig(change: (config: JsonObject) => JsonObject): Mutation {
  return {
    request: (request) => {
      const config = objectOf(request.stdin);
      return config === undefined ? request : { ...request, stdin: JSON.stringify(change(config)) };
    },
  };
}

/** A plugin that does not know some keys of its configuration. */
export function without(...keys: string[]): Mutation {
  return otherConfig((config) => omit(config, ...keys));
}

/** A plugin that reads another environment. */
export function otherEnv(change: (env: Record<string, string>) => Record<string, string>): Mutation {
  return { request: (request) => ({ ...request, env: change(request.env) }) };
}

/** A plugin that prints another result, when its ADD succeeds. */
export function otherResult(change: (result: JsonObject) => unknown): Mutation {
  return {
    answer: (answer) => {
      const result = answer.status === 0 ? objectOf(answer.stdout) : undefined;
      return result === undefined ? answer : { ...answer, stdout: JSON.stringify(change(result)) };
    },
  };
}

/** A plugin that prints another error. */
export function otherError(change: (error: JsonObject) => unknown): Mutation {
  return {
    answer: (answer) => {
      const error = answer.status !== 0 ? objectOf(answer.stdout) : undefined;
      return error === undefined ? answer : { ...answer, stdout: JSON.stringify(change(error)) };
    },
  };
}

/** A plugin that does something more to the host after a success; `words` may name `$IFNAME`, `$PORT`, `$NETNS`. */
export function afterwards(...commands: string[]): Mutation {
  return {
    answer: (answer, request) => {
      if (answer.status !== 0) return answer;
      for (const command of commands) runLine(command, answer, request);
      return answer;
    },
  };
}

/** The command's words, with what the call was about in place of the names above. Its failure does not matter. */
function runLine(line: string, answer: Answer, { env }: Request): void {
  const values: Record<string, string> = {
    $IFNAME: env["CNI_IFNAME"] ?? "",
    $NETNS: env["CNI_NETNS"] ?? "",
    $ID: env["CNI_CONTAINERID"] ?? "",
    $PORT: hostPort(answer),
  };
  const words = line.split(" ").map((word) => word.replace(/\$[A-Z]+/g, (name) => values[name] ?? name));
  runCommand(words, { env: toolEnvironment, check: false });
}

/** The host's end of the veth pair in a result. */
function hostPort({ stdout }: Answer): string {
  const links = objectOf(stdout)?.["interfaces"];
  if (!Array.isArray(links)) return "";
  const port = objectList(links).find(({ name, sandbox }) => /^veth/.test(String(name)) && !sandbox);
  return String(port?.["name"] ?? "");
}

/** An object without some of its keys. */
export function omit(object: JsonObject, ...keys: string[]): JsonObject {
  return Object.fromEntries(Object.entries(object).filter(([key]) => !keys.includes(key)));
}

/** Each object of a list changed; anything else as it is. */
export function each(list: unknown, change: (entry: JsonObject) => JsonObject): unknown {
  return Array.isArray(list) ? list.map((entry: unknown) => (isObject(entry) ? change(entry) : entry)) : list;
}

/** The object that a key holds, changed. */
export function inside(
  object: JsonObject,
  key: string,
  change: (value: JsonObject) => JsonObject,
): JsonObject {
  const value = object[key];
  return isObject(value) ? { ...object, [key]: change(value) } : object;
}

function objectOf(text: string): JsonObject | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
