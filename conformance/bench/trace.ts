/** What a trace of `strace -f -qq -o FILE` says of a call with all its descendants. */
export type Counts = {
  /** The first one, and each that was forked; threads do not count. */
  processes: number;
  /** Successful execve calls: programs that were started. */
  programs: number;
  systemCalls: number;
};

export function countTrace(trace: string): Counts {
  // A call that another one interrupts has a second line, `<... name resumed>`; signals and exits are no calls.
  const lines = trace.split("\n").filter((line) => /^\d+ +(<\.\.\. )?\w+/.test(line));
  const isSecond = (line: string): boolean => /^\d+ +<\.\.\. /.test(line);
  const calls = lines.filter((line) => !isSecond(line) && !/^\d+ +\?{3,}/.test(line));
  const forks = calls.filter((line) => /^\d+ +(fork|vfork|clone|clone3)\(/.test(line));
  // That the exec succeeded is told by its own line, or by the second one.
  const execs = lines.filter(
    (line) => /^\d+ +(execve\(|<\.\.\. execve resumed>)/.test(line) && / = 0$/.test(line),
  );
  return {
    processes: 1 + forks.filter((line) => !line.includes("CLONE_THREAD")).length,
    programs: execs.length,
    systemCalls: calls.length,
  };
}
