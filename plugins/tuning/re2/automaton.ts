/** True for the code points that match at one place of an expression. */
export type Accepts = (codePoint: number) => boolean;

/** True when an assertion holds between two code points; they are undefined at the text's beginning and end. */
export type Holds = (before: number | undefined, after: number | undefined) => boolean;

/**
 * A state of a nondeterministic automaton. The next states `to` are reached by a code point that matches (`accepts`),
 * without one if an assertion holds (`holds`), or unconditionally. The state without next ones is the end: a match.
 */
interface State {
  readonly accepts?: Accepts;
  readonly holds?: Holds;
  readonly to: State[];
}

/** A part of an expression, from which states of the automaton are made. */
export interface Part {
  /** Creates the part's states in front of `next`, and returns the first. */
  readonly link: (next: State) => State;
  /** The number of states that `link` creates. */
  readonly states: number;
  /** The product of nested counted repetitions, where it is greatest. */
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
 * A function that searches a text for the expression. It follows all possible states at once, so its time is at most the
 * number of states times the length of the text, for every expression.
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

/** The states that are reached from these without another code point, and these themselves. */
function reachable(
  from: readonly State[],
  before: number | undefined,
  after: number | undefined,
): ReadonlySet<State> {
  const found = new Set(from);
  // The iteration of a set includes elements that are added meanwhile.
  for (const { accepts, holds, to } of found) {
    if (accepts !== undefined || holds?.(before, after) === false) continue;
    for (const state of to) found.add(state);
  }
  return found;
}
