/** A value that is made on its first use: what only some calls need must not cost the start of every process. */
export function lazy<Value extends {}>(make: () => Value): () => Value {
  let made: Value | undefined;
  return () => {
    made ??= make();
    return made;
  };
}
