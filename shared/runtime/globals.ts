/** The globals that the build gives programs for Node's of the same names. */
export { Buffer } from "./buffer.ts";
export { process } from "./process.ts";
export { TextDecoder, TextEncoder } from "./text-coding.ts";
