/**
 * What Node calls in place of dlopen() and dlsym() when the addon is loaded that is linked into the executable: the first
 * runs the addon's initializers, the second finds its two entry points by their names.
 */

interface AddonEntryPoints {
  /** Functions to be called once, in their order. */
  readonly initializers: readonly number[];
  /** `napi_register_module_v1` */
  readonly register: number;
  /** `node_api_module_get_api_version_v1` */
  readonly apiVersion: number;
}

/** What `code` is assembled from; each function begins where its label is. */
export const assembly = `.intel_syntax noprefix
open:                           # void *(const char *path, int flags)
  push rbx
  lea rbx, [rip+initializers]
next:
  mov rax, [rbx]
  add rbx, 8
  test rax, rax
  jz ready
  call rax
  jmp next
ready:
  lea rax, [rip+open]           # a handle, which nothing but symbol gets
  pop rbx
  ret
.balign 8
symbol:                         # void *(void *handle, const char *name)
  cmp dword ptr [rsi], 0x6970616e
  jne other                     # "napi"
  mov rax, [rip+register]
  ret
other:
  xor eax, eax
  cmp byte ptr [rsi+4], 0x5f
  jne none
  cmp dword ptr [rsi+5], 0x5f697061
  jne none                      # "node_api_", and not "node_register_module_v137"
  mov rax, [rip+version]
none:
  ret
.balign 8
register:
  .quad 0
version:
  .quad 0
initializers:
`;

/** The same as machine code, so that a build needs no assembler; a test assembles it anew. */
export const code =
  "53488d1d60000000488b034883c3084885c07404ffd0ebf0488d05e1ffffff5b" +
  "c30f1f8000000000813e6e6170697508488b0521000000c331c0807e045f7510" +
  "817e056170695f7507488b0510000000c30f1f80000000000000000000000000" +
  "0000000000000000";

const symbolOffset = 0x28;

/** The code with its data, to be put at a multiple of eight, and where in it the two functions begin. */
export function addonCode({ initializers, register, apiVersion }: AddonEntryPoints): {
  bytes: Buffer;
  open: number;
  symbol: number;
} {
  const bytes = Buffer.concat([Buffer.from(code, "hex"), Buffer.alloc(8 * (initializers.length + 1))]);
  const data = code.length / 2 - 16;
  for (const [index, value] of [register, apiVersion, ...initializers].entries())
    bytes.writeBigUInt64LE(BigInt(value), data + 8 * index);
  return { bytes, open: 0, symbol: symbolOffset };
}
