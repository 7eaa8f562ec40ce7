/**
 * Where an executable with several programs begins: code that chooses one by the name that the file was called by, and
 * goes on to Node's own beginning. It points the program header at the program's note, before Node looks for it.
 */
import type { Architecture } from "./elf.ts";
import { type Part, PF, pageSizeOf } from "./image.ts";

/** A program in the file, as a note in memory. */
interface NamedNote {
  readonly name: string;
  readonly address: number;
  readonly size: number;
}

interface EntryCode {
  readonly architecture: Architecture;
  /** Where it is to be. */
  readonly address: number;
  /** Where Node begins. */
  readonly nodeEntry: number;
  /** Where in memory the program header is that tells of the note (Elf64_Phdr). */
  readonly noteHeader: number;
  readonly programs: readonly NamedNote[];
  /** The one for all other names. */
  readonly otherwise: Omit<NamedNote, "name">;
}

const maxNameLength = 31;
const dataHeaderSize = 48;
const entrySize = 48;

/**
 * The part with the code and its data: the page of the program header and its size, the program header, Node's
 * beginning, an empty name, and 48 bytes for each program: address, size, length of the name, name; the last has none.
 */
export function entryPart(entry: EntryCode): Part {
  const { architecture, address, nodeEntry, noteHeader, programs, otherwise } = entry;
  const pageSize = pageSizeOf(architecture);
  const page = noteHeader - (noteHeader % pageSize);
  const pages = noteHeader + 56 > page + pageSize ? 2 : 1;
  const head = Buffer.alloc(dataHeaderSize);
  for (const [index, value] of [page, pages * pageSize, noteHeader, nodeEntry].entries()) {
    head.writeBigUInt64LE(BigInt(value), 8 * index);
  }
  const entries = [...programs, { name: "", ...otherwise }].map(({ name, address: note, size }) => {
    if (name.length > maxNameLength)
      throw new Error(`a plugin's name is longer than ${maxNameLength}: ${name}`);
    const bytes = Buffer.alloc(entrySize);
    bytes.writeBigUInt64LE(BigInt(note), 0);
    bytes.writeBigUInt64LE(BigInt(size), 8);
    bytes.writeUInt8(name.length, 16);
    bytes.write(name, 17, "latin1");
    return bytes;
  });
  const bytes = Buffer.concat([Buffer.from(code[architecture], "hex"), head, ...entries]);
  return { address, bytes, memorySize: bytes.length, flags: PF.readable | PF.executable };
}

/** What `code` is assembled from. At a process's start argv[0] is the second word on the stack. */
export const assembly: Readonly<Record<Architecture, string>> = {
  x64: `.intel_syntax noprefix
  push rdx                      # ld.so's function for exit, which Node's beginning takes
  mov rdi, [rsp+16]             # the name
  lea r9, [rip+data]
  test rdi, rdi
  jnz have
  lea rdi, [r9+40]              # no argv[0]: an empty name
have:
  mov rsi, rdi
base:                           # what is behind its last slash
  mov al, [rsi]
  inc rsi
  test al, al
  jz try
  cmp al, '/'
  jne base
  mov rdi, rsi
  jmp base
try:
  lea rbx, [r9+48]
entry:
  movzx ecx, byte ptr [rbx+16]
  test ecx, ecx
  jz shorter
  xor eax, eax
same:
  mov r8b, [rbx+rax+17]
  cmp r8b, [rdi+rax]
  jne next
  inc eax
  cmp eax, ecx
  jb same
  cmp byte ptr [rdi+rax], 0
  je found
next:
  add rbx, 48
  jmp entry
shorter:                        # none has the name: what is behind its next dash
  mov al, [rdi]
  inc rdi
  test al, al
  jz found                      # the last entry
  cmp al, '-'
  jne shorter
  jmp try
found:
  mov rdi, [r9]                 # mprotect(page, size, PROT_READ | PROT_WRITE)
  mov rsi, [r9+8]
  mov edx, 3
  mov eax, 10
  syscall
  mov r8, [r9+16]
  mov rax, [rbx]
  mov [r8+16], rax              # p_vaddr, p_paddr
  mov [r8+24], rax
  mov rax, [rbx+8]
  mov [r8+32], rax              # p_filesz, p_memsz
  mov [r8+40], rax
  mov rdi, [r9]                 # mprotect(page, size, PROT_READ)
  mov rsi, [r9+8]
  mov edx, 1
  mov eax, 10
  syscall
  mov rax, [r9+24]
  pop rdx
  jmp rax
.balign 8
data:
`,
  arm64: `  bti c
  mov x12, x0                   // ld.so's function for exit, which Node's beginning takes
  adr x9, data
  ldr x3, [sp, #8]              // the name
  add x1, x9, #40               // no argv[0]: an empty name
  cmp x3, #0
  csel x3, x1, x3, eq
  mov x1, x3
base:                           // what is behind its last slash
  ldrb w4, [x1], #1
  cbz w4, try
  cmp w4, #'/'
  b.ne base
  mov x3, x1
  b base
try:
  add x11, x9, #48
entry:
  ldrb w5, [x11, #16]
  cbz w5, shorter
  add x7, x11, #17
  mov x6, #0
same:
  ldrb w8, [x7, x6]
  ldrb w10, [x3, x6]
  cmp w8, w10
  b.ne next
  add x6, x6, #1
  cmp x6, x5
  b.lo same
  ldrb w10, [x3, x6]
  cbz w10, found
next:
  add x11, x11, #48
  b entry
shorter:                        // none has the name: what is behind its next dash
  ldrb w4, [x3], #1
  cbz w4, found                 // the last entry
  cmp w4, #'-'
  b.ne shorter
  b try
found:
  ldp x0, x1, [x9]              // mprotect(page, size, PROT_READ | PROT_WRITE)
  mov x2, #3
  mov x8, #226
  svc #0
  ldr x13, [x9, #16]
  ldp x4, x5, [x11]
  stp x4, x4, [x13, #16]        // p_vaddr, p_paddr
  stp x5, x5, [x13, #32]        // p_filesz, p_memsz
  ldp x0, x1, [x9]              // mprotect(page, size, PROT_READ)
  mov x2, #1
  mov x8, #226
  svc #0
  ldr x16, [x9, #24]
  mov x0, x12
  br x16
.balign 8
data:
`,
};

/** The same as machine code, so that a build needs no assembler; a test assembles it anew. */
export const code: Readonly<Record<Architecture, string>> = {
  x64:
    "52488b7c24104c8d0da30000004885ff7504498d79284889fe8a0648ffc684c0" +
    "74093c2f75f34889f7ebee498d59300fb64b1085c9741f31c0448a440311443a" +
    "0407750cffc039c872ef803c070074154883c330ebd98a0748ffc784c074063c" +
    "2d75f3ebc6498b39498b7108ba03000000b80a0000000f054d8b4110488b0349" +
    "89401049894018488b43084989402049894028498b39498b7108ba01000000b8" +
    "0a0000000f05498b41185affe00f1f00",
  arm64:
    "5f2403d5ec0300aa09060010e30740f921a100917f0000f12300839ae10303aa" +
    "24144038a40000349fbc0071a1ffff54e30301aafbffff172bc1009165414039" +
    "c501003467450091060080d2e86866386a6866381f010a6bc1000054c6040091" +
    "df0005eb43ffff546a6866380a0100346bc10091f2ffff176414403884000034" +
    "9fb40071a1ffff54ecffff17200540a9620080d2481c80d2010000d42d0940f9" +
    "641540a9a41101a9a51502a9200540a9220080d2481c80d2010000d4300d40f9" +
    "e0030caa00021fd6",
};
