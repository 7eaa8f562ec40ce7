/**
 * For tests of this folder, which import it first: gives the modules after it the native code of the Node that runs
 * them, in whose library the same functions are.
 */
const binding: unknown = Reflect.get(process, "binding");
if (typeof binding !== "function") throw new Error("this Node has no process.binding");

function internalBinding(name: string): unknown {
  const found: unknown = Reflect.apply(Function.prototype.call, binding, [process, name]);
  // Node has set its own, and removed the function.
  return name === "buffer" ? { ...Object(found), setBufferPrototype: () => undefined } : found;
}

Object.assign(globalThis, { internalBinding });
