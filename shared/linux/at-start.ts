/**
 * Runs a program's main function: in an executable when it starts, long after its modules were evaluated, which was
 * when it was built (build/snapshot-scripts.ts); from sources, now.
 */
export function atStart(main: () => void): void {
  if (typeof internalBinding === "function") internalBinding("mksnapshot").setDeserializeMainFunction(main);
  else main();
}
