/** The commands of which a node sees hundreds: each has a code cache of its own, so that a call reads no other code. */
export const usualCommands = ["ADD", "CHECK", "DEL"] as const;

export type UsualCommand = (typeof usualCommands)[number];

/** The name of the asset that holds the code cache of a script for a command. All but the usual ones share one. */
export function cacheName(script: string, command: string | undefined): string {
  const usual = usualCommands.find((name) => name === command);
  return usual === undefined ? `${script}.cache` : `${script}.${usual}.cache`;
}
