/** Whether a code point is one of those that a place of an expression stands for. */
export type Accepts = (codePoint: number) => boolean;

/** What holds between two code points, which are undefined at the text's beginning and end. */
export type Holds = (before: number | undefined, after: number | undefined) => boolean;

/**
 * A state of a nondeterministic automaton: it leads on past one code point (`accepts`), past none if something holds
 * there (`holds`), or freely. One without `to` is the end: a match.
 */
interface State {
  readonly accepts?: Accepts;
  readonly holds?: Holds;
  readonly to: State[];
}

/** A part of an expression. */
export interface Part {
  /** Makes its states, of which the last lead on to `next`. */
  readonly link: (next: State) => State;
  /** How many states it makes. */
  readonly states: number;
  /** The most often that counted repetitions, one in the other, repeat something in it. */
  readonly repeats: number;
}

export function character(accepts: Accepts): Part {
  return { link: (next) => ({ accepts, to: [next] }), states: 1, repeats: 1 };
}

export function assertion(holds: Holds): Part {
  return { link: (next) => ({ holds, to: [next] }), states: 1, repeats: 1 };
}

export function sequence(parts: readonly Part[]): Part {
  return { link: (next) => parts.reduceRight((to, part) => part.link(to), next), ...sizes(parts) };
}

export function alternatives(parts: readonly Part[]): Part {
  const [only, ...others] = parts;
  if (only !== undefined && others.length === 0) return only;
  const { states, repeats } = sizes(parts);
  return {
    link: (next) => ({ to: parts.map((part) => part.link(next)) }),
    states: states + 1,
    repeats,
  };
}

/** A part `least` to `most` times; `most` may be Infinity. */
export function repetition(part: Part, least: number, most: number): Part {
  const counted = most === Infinity ? Math.max(least, 1) : most;
  return {
    link: (next) => {
      let to = next;
      if (most === Infinity) {
        const loop: State = { to: [next] };
        loop.to.push(part.link(loop));
        to = loop;
      } else {
        for (let count = least; count < most; count++) to = { to: [next, part.link(to)] };
      }
      for (let count = 0; count < least; count++) to = part.link(to);
      return to;
    },
    states: 1 + (part.states + 1) * (most === Infinity ? least + 1 : most),
    repeats: most === 0 ? 1 : counted * part.repeats,
  };
}

function sizes(parts: readonly Part[]): Pick<Part, "states" | "repeats"> {
  let states = 0;
  let repeats = 1;
  for (const part of parts) {
    states += part.states;
    repeats = Math.max(repeats, part.repeats);
  }
  return { states, repeats };
}

/**
 * A search for the expression anywhere in a text: all states in which the automaton can be are followed at once, so the
 * time is at most the number of states times the length of the text, whatever the expression.
 */
export function finder(expression: Part): (text: string) => boolean {
  const end: State = { to: [] };
  const start = expression.link(end);
  return (text) => {
    let reached: State[] = [];
    let before: number | undefined;
    for (const after of [...Array.from(text, (one) => one.codePointAt(0)), undefined]) {
      // A match may begin at each place.
      const active = reachable([start, ...reached], before, after);
      if (active.has(end)) return true;
      reached = [];
      for (const { accepts, to } of active) {
        if (after !== undefined && accepts?.(after)) reached.push(...to);
      }
      before = after;
    }
    return false;
  };
}

/** All states to which these lead without another code point, themselves included. */
function reachable(
  from: readonly State[],
  before: number | undefined,
  after: number | undefined,
): ReadonlySet<State> {
  const found = new Set(from);
  // A set's iteration comes to what is added meanwhile.
  for (const { accepts, holds, to } of found) {
    if (accepts !== undefined || holds?.(before, after) === false) continue;
    for (const state of to) found.add(state);
  }
  return found;
}
