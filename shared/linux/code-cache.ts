/**
 * The name of the asset that holds the code cache of a script: there is one for each command of which a node sees
 * hundreds, so that a call reads no code of other commands, and one for all others.
 */
export function cacheName(script: string, command: string | undefined): string {
  return command === "ADD" || command === "CHECK" || command === "DEL"
    ? `${script}.${command}.cache`
    : `${script}.cache`;
}
