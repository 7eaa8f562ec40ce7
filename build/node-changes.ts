/**
 * What the pinned Node does in every start and no plugin needs. All of it together is a quarter of the start of an
 * empty program. The code is that of x86-64; elsewhere only what is no code is changed.
 */
import { spawnSync } from "node:child_process";
import type { Change } from "./node-binary.ts";

/** `ret`, in place of a function's beginning: it does nothing. */
const returns = "c3";
/** `xor eax, eax; ret`: it gives false, or 0. */
const returnsFalse = "31c0c3";

/**
 * Abseil's detector of possible deadlocks, which release builds do not have and Node's has: the first lock taken makes
 * a graph of 1 MB (third_party/abseil-cpp/absl/synchronization/mutex.cc; kAbort is 2, kIgnore is 0).
 */
const deadlockDetection: Change = {
  symbol: "_ZN4absl12_GLOBAL__N_124synch_deadlock_detectionE",
  from: "02000000",
  to: "00000000",
  saves: 0.7,
};

/**
 * Node as for an embedder that passes kNoInitOpenSSL (src/node.cc): OpenSSL makes itself ready when it is first used,
 * and no openssl.cnf, OPENSSL_CONF or NODE_EXTRA_CA_CERTS has a say in whether a plugin starts. V8 then takes its
 * random numbers from /dev/urandom. `jne` becomes `jmp`.
 */
const openSsl: Change = {
  symbol:
    "_ZN4nodeL32InitializeOncePerProcessInternalERKSt6vectorINSt7__cxx1112basic_stringIcSt11char_traitsIcESaIcEEESaIS6_EENS_26ProcessInitializationFlags5FlagsE",
  offset: 0x20e,
  from: "41f7c4000100000f851d070000",
  to: "41f7c40001000090e91d070000",
  saves: 2,
};

/** The rest of it, node::crypto::InitCryptoOnce(v8::Isolate*), which the main thread runs before the program. */
const openSslOfMainThread: Change = {
  symbol: "_ZN4node6crypto14InitCryptoOnceEPN2v87IsolateE",
  from: "554889fe4889e553488d7dc04883ec38",
  to: returns,
  saves: 1.5,
};

/**
 * v8::CpuProfiler::UseDetailedSourcePositionsForProfiling looks at every object of the heap for functions that a
 * profiler could not tell the lines of.
 */
const sourcePositions: Change = {
  symbol: "_ZN2v811CpuProfiler38UseDetailedSourcePositionsForProfilingEPNS_7IsolateE",
  from: "554889e5534889fb4883ec08",
  to: returns,
  saves: 0.5,
};

/** The versions of ICU and of its data in `process.versions`, for which the data are opened. */
const intlVersions: Change = {
  symbol: "_ZN4node8Metadata8Versions22InitializeIntlVersionsEv",
  from: "554889e54157415641554154534889fb",
  to: returns,
  saves: 0.2,
};

/**
 * Node's tables of ciphers ask for their names before main(), for which OpenSSL makes its own list of all ciphers. No
 * cipher has a name then: crypto.createCipheriv knows none.
 */
const cipherNames: Change = {
  symbol: "EVP_get_cipherbyname",
  from: "5531f64889e5",
  to: returnsFalse,
  saves: 0.5,
};

/**
 * v8::internal::FlagList::Hash gives what it gives without flags. V8 compares it before it takes a code cache, and with
 * the executables' flags turns down all of those of Node's own modules, compiles these anew, and makes new caches for
 * nobody. The flags (runtime.ts) do not change what V8 compiles to.
 */
function flagHash(node: string): Change {
  const hash = Buffer.alloc(4);
  hash.writeUInt32LE(flagHashOf(node));
  return {
    symbol: "_ZN2v88internal8FlagList4HashEv",
    from: "8b052200910585c07406c3",
    to: `b8${hash.toString("hex")}c3`, // mov eax, hash; ret
    saves: 1,
  };
}

/**
 * node::builtins::BuiltinLoader::CompileAllBuiltinsAndCopyCodeCache puts 3 MB of code caches of all of Node's modules
 * beside a snapshot, to be read in each start, while plugins use none of the modules.
 */
const codeCachesOfModules: Change = {
  symbol:
    "_ZN4node8builtins13BuiltinLoader34CompileAllBuiltinsAndCopyCodeCacheEN2v85LocalINS2_7ContextEEERKSt6vectorINSt7__cxx1112basic_stringIcSt11char_traitsIcESaIcEEESaISC_EEPS6_INS0_13CodeCacheInfoESaISH_EE",
  from: "554889e541574989ff",
  to: "b001c3", // mov al, 1; ret
  saves: 2,
};

/**
 * node::SnapshotDeserializer::Read<v8::StartupData> copies the snapshot. It may stay where the kernel has mapped it, as
 * long as the process ends by exit(), which does not free it: see shared/linux/at-start.ts.
 */
const copyOfSnapshot: Change = {
  symbol: "_ZN4node20SnapshotDeserializer4ReadIN2v811StartupDataELPv0ELS4_0EEET_v",
  offset: 0x39,
  from: "e81230d8ff486355ec4889df4889c64989c4e8704a0000",
  // r12 = sink.data() + read_total; read_total += raw_size (src/blob_serializer_deserializer.h); nop
  to: "4c8b6318488b43084901c44801f8488943080f1f440000",
  saves: 1,
};

/** Before main(), the description of the snapshot that Node itself has within: thousands of texts. */
const descriptionOfOwnSnapshot: Change = {
  symbol: "_GLOBAL__sub_I__ZN4node15SnapshotBuilder23GetEmbeddedSnapshotDataEv",
  from: "e95ba4ffff",
  to: returns,
  saves: 0.3,
};

/**
 * While snapshots are made, a debugger has functions compiled (snapshot-scripts.ts), and V8 keeps for each which place
 * in the source each instruction is of, for every start to read. Without it V8 finds out when a stack is asked for.
 */
const sourcePositionsForDebugger: readonly Change[] = [
  {
    symbol: "_ZNK2v88internal7Isolate20NeedsSourcePositionsEv",
    from: "803d3648910500",
    to: returnsFalse,
    saves: 0.05,
  },
  {
    symbol: "_ZNK2v88internal7Isolate34NeedsDetailedOptimizedCodeLineInfoEv",
    from: "803d664a910500",
    to: returnsFalse,
    saves: 0.05,
  },
  {
    symbol: "_ZN2v88internal5Debug15EnsureBreakInfoENS0_6HandleINS0_18SharedFunctionInfoEEE",
    from: "554889e541574156",
    to: returnsFalse,
    saves: 0.05,
  },
];

/** The hash of V8's flags in a Node that is started without any. */
export function flagHashOf(node: string): number {
  // The fourth word of a code cache's header (v8/src/snapshot/code-serializer.h, SerializedCodeData).
  const program = 'console.log(new vm.Script("").createCachedData().readUInt32LE(12))';
  const { status, stdout, stderr } = spawnSync(node, ["-e", program], { env: {}, encoding: "utf8" });
  if (status !== 0) throw new Error(`${node} does not run: ${stderr}`);
  return Number(stdout);
}

/** What can be changed in any Node binary. */
export function changesOf(node: string): readonly Change[] {
  return [
    deadlockDetection,
    openSsl,
    openSslOfMainThread,
    sourcePositions,
    intlVersions,
    cipherNames,
    flagHash(node),
  ];
}

/** What else can be changed in a Node binary that makes snapshots of plugins and runs them, and nothing else. */
export const changesForSnapshots: readonly Change[] = [
  codeCachesOfModules,
  copyOfSnapshot,
  descriptionOfOwnSnapshot,
  ...sourcePositionsForDebugger,
];
