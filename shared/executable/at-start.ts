/**
 * Runs a program's main function: in an executable when it starts, since its modules were evaluated when it was built
 * (build/node/snapshot-scripts.ts); from sources, now.
 */
export function atStart(main: () => void): void {
  if (typeof internalBinding !== "function") {
    main();
    return;
  }
  internalBinding("mksnapshot").setDeserializeMainFunction(() => {
    main();
    // Otherwise Node would free the memory of the snapshot, which is the file's: see build/node/changes.ts.
    process.exit(0);
  });
}
