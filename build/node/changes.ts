/**
 * What the pinned Node does in every start and no plugin needs, and what stands in the way of its snapshots. README.md
 * beside this file has the list as a table, and tells how the next Node is taken.
 */
import type { Change, DataEdit, FunctionEdit } from "./change.ts";

/** `ret`; on arm64 after `bti c`, as indirect calls may have it. */
const returns = { x64: "c3", arm64: "5f2403d5c0035fd6" };
/** `xor eax, eax; ret` and `mov w0, #0; ret`: it gives false, or 0. */
const returnsFalse = { x64: "31c0c3", arm64: "5f2403d500008052c0035fd6" };
/** `mov al, 1; ret` and `mov w0, #1; ret` */
const returnsTrue = { x64: "b001c3", arm64: "5f2403d520008052c0035fd6" };

function doesNothing(symbol: string): FunctionEdit {
  return { function: symbol, becomes: returns };
}

function givesFalse(symbol: string): FunctionEdit {
  return { function: symbol, becomes: returnsFalse };
}

const initializeOncePerProcess =
  "_ZN4nodeL32InitializeOncePerProcessInternalERKSt6vectorINSt7__cxx1112basic_stringIcSt11char_traitsIcESaIcEEESaIS6_EENS_26ProcessInitializationFlags5FlagsE";

const safeGetenv =
  "_ZN4node11credentials10SafeGetenvEPKcPNSt7__cxx1112basic_stringIcSt11char_traitsIcESaIcEEEPNS_11EnvironmentE";

/** What every executable's Node has changed. */
export const changes: readonly Change[] = [
  {
    name: "deadlock-detection",
    kind: "speed",
    source: "deps/v8/third_party/abseil-cpp/absl/synchronization/mutex.cc, synch_deadlock_detection",
    before: "OnDeadlockCycle::kAbort: the first lock that is taken makes a graph of 1 MB",
    after: "OnDeadlockCycle::kIgnore, as in release builds of Abseil",
    safe: "it only looks for mistakes in the order in which V8 takes its locks",
    checkedBy: "changes.test.ts, a changed Node still runs",
    saves: 0.7,
    edits: [
      {
        data: "_ZN4absl12_GLOBAL__N_124synch_deadlock_detectionE",
        from: "02000000",
        to: "00000000",
      } satisfies DataEdit,
    ],
  },
  {
    name: "openssl",
    kind: "semantics",
    source: "src/node.cc, InitializeOncePerProcessInternal",
    before: "if (!(flags & ProcessInitializationFlags::kNoInitOpenSSL)): OpenSSL is made ready",
    after: "as for an embedder that passes kNoInitOpenSSL: OpenSSL makes itself ready when it is first used",
    safe: "plugins use no OpenSSL; V8 takes its random numbers from /dev/urandom then",
    loses: "openssl.cnf, OPENSSL_CONF, --openssl-config and NODE_EXTRA_CA_CERTS have no effect",
    checkedBy: "changes.test.ts, OpenSSL is there for who asks for it",
    saves: 2,
    edits: [
      {
        within: initializeOncePerProcess,
        places: {
          // test r12d, 0x100; jne: the jump is always taken
          x64: {
            pattern: "f7..000100000f85........",
            becomes: (found) => {
              found.set([0x90, 0xe9], found.length - 6);
              return found;
            },
          },
        },
      },
    ],
  },
  {
    name: "openssl-of-main-thread",
    kind: "semantics",
    source: "src/crypto/crypto_util.cc, InitCryptoOnce(v8::Isolate*)",
    before: "the main thread makes the rest of OpenSSL ready before the program",
    after: "nothing",
    safe: "plugins use no OpenSSL",
    loses: "root certificates of the system, FIPS mode, --secure-heap",
    checkedBy: "changes.test.ts, OpenSSL is there for who asks for it",
    saves: 1.5,
    edits: [doesNothing("_ZN4node6crypto14InitCryptoOnceEPN2v87IsolateE")],
  },
  {
    name: "environment",
    kind: "semantics",
    source: "src/node_credentials.cc, credentials::SafeGetenv(const char*, std::string*, Environment*)",
    before: "Node's native code reads its variables: NODE_COMPILE_CACHE, NODE_DEBUG_NATIVE, NODE_ICU_DATA, …",
    after: "none of them is set",
    safe: "nobody means a plugin by them, and some keep a program from starting; process.env reads elsewhere",
    loses: "every variable of Node's that its native code reads",
    checkedBy: "executable.test.ts, runs alone, in silence and without traces",
    saves: 0.01,
    edits: [givesFalse(safeGetenv)],
  },
  {
    name: "profiler-positions",
    kind: "speed",
    source: "deps/v8/src/profiler/cpu-profiler.cc, CpuProfiler::UseDetailedSourcePositionsForProfiling",
    before: "V8 looks at every object of the heap for functions whose lines a profiler could not tell",
    after: "nothing",
    safe: "nobody profiles a plugin through Node's inspector, which it lacks",
    checkedBy: "changes.test.ts, a changed Node still runs",
    saves: 0.5,
    edits: [doesNothing("_ZN2v811CpuProfiler38UseDetailedSourcePositionsForProfilingEPNS_7IsolateE")],
  },
  {
    name: "icu-versions",
    kind: "semantics",
    source: "src/node_metadata.cc, Metadata::Versions::InitializeIntlVersions",
    before: "ICU's data are opened to learn their version",
    after: "nothing",
    safe: "plugins ask for no versions of ICU",
    loses: "process.versions.icu, unicode, cldr and tz",
    checkedBy: "changes.test.ts, a changed Node still runs",
    saves: 0.2,
    edits: [doesNothing("_ZN4node8Metadata8Versions22InitializeIntlVersionsEv")],
  },
  {
    name: "flag-hash",
    kind: "semantics",
    required: true,
    source: "deps/v8/src/flags/flags.cc, FlagList::Hash",
    before: "a hash of V8's flags, which a snapshot must have been made with as well",
    after: "a constant",
    safe: "the flags of an executable (binary.ts) do not change what V8 compiles to, and snapshots are its own",
    checkedBy: "executable.test.ts: no snapshot would be taken without it",
    saves: 1,
    // mov eax, 1; ret and mov w0, #1; ret
    edits: [
      {
        function: "_ZN2v88internal8FlagList4HashEv",
        becomes: { x64: "b801000000c3", arm64: returnsTrue.arm64 },
      },
    ],
  },
  {
    name: "code-caches-of-modules",
    kind: "semantics",
    source: "src/node_builtins.cc, BuiltinLoader::CompileAllBuiltinsAndCopyCodeCache",
    before:
      "3 MB of code caches of all of Node's modules are put beside a snapshot, to be read in each start",
    after: "nothing is put there",
    safe: "plugins use none of the modules",
    loses: "Node's own modules are compiled when they are loaded",
    checkedBy: "executable.test.ts",
    saves: 2,
    edits: [
      {
        function:
          "_ZN4node8builtins13BuiltinLoader34CompileAllBuiltinsAndCopyCodeCacheEN2v85LocalINS2_7ContextEEERKSt6vectorINSt7__cxx1112basic_stringIcSt11char_traitsIcESaIcEEESaISC_EEPS6_INS0_13CodeCacheInfoESaISH_EE",
        becomes: returnsTrue,
      },
    ],
  },
  {
    name: "copy-of-snapshot",
    kind: "speed",
    source: "src/node_snapshotable.cc, SnapshotDeserializer::Read<v8::StartupData>",
    before: "the snapshot is copied to memory of its own, which is freed in the end",
    after: "it stays where the kernel has mapped it",
    safe: "the process ends by exit(), which frees nothing: shared/linux/at-start.ts",
    checkedBy: "executable.test.ts",
    saves: 1,
    edits: [
      {
        within: "_ZN4node20SnapshotDeserializer4ReadIN2v811StartupDataELPv0ELS4_0EEET_v",
        places: {
          // call operator new[]; movsxd rdx, [rbp-0x14]; mov rdi, rbx; mov rsi, rax; mov r12, rax; call ReadArithmetic
          x64: {
            pattern: "e8........486355ec4889df4889c64989c4e8........",
            // r12 = sink.data() + read_total; read_total += raw_size (src/blob_serializer_deserializer.h); nop
            becomes: () => Buffer.from("4c8b6318488b43084901c44801f8488943080f1f440000", "hex"),
          },
        },
      },
    ],
  },
  {
    name: "own-snapshot",
    kind: "semantics",
    source:
      "the file that tools/snapshot/node_mksnapshot.cc makes, initializers of SnapshotBuilder::GetEmbeddedSnapshotData",
    before: "before main(), thousands of texts that describe the snapshot that Node itself has within",
    after: "there is no such description",
    safe: "an executable starts from a snapshot of its own",
    loses: "Node does not start without a snapshot of ours",
    checkedBy: "executable.test.ts",
    saves: 0.3,
    edits: [doesNothing("_GLOBAL__sub_I__ZN4node15SnapshotBuilder23GetEmbeddedSnapshotDataEv")],
  },
  {
    name: "positions-for-debugger",
    kind: "speed",
    source:
      "deps/v8/src/execution/isolate.cc, Isolate::NeedsSourcePositions and NeedsDetailedOptimizedCodeLineInfo; deps/v8/src/debug/debug.cc, Debug::EnsureBreakInfo",
    before:
      "while a snapshot is made, a debugger has functions compiled, and V8 keeps which place in the source each instruction is of",
    after: "V8 finds that out when a stack is asked for",
    safe: "stacks still tell the places",
    checkedBy: "executable.test.ts",
    saves: 0.15,
    edits: [
      givesFalse("_ZNK2v88internal7Isolate20NeedsSourcePositionsEv"),
      givesFalse("_ZNK2v88internal7Isolate34NeedsDetailedOptimizedCodeLineInfoEv"),
      givesFalse("_ZN2v88internal5Debug15EnsureBreakInfoENS0_6HandleINS0_18SharedFunctionInfoEEE"),
    ],
  },
];

/** What is changed besides in the Node that makes snapshots, which no executable contains. */
export const changesForBuilding: readonly Change[] = [
  {
    name: "fixed-seed",
    kind: "semantics",
    source: "deps/v8/src/base/utils/random-number-generator.cc, RandomNumberGenerator::RandomNumberGenerator",
    before: "V8 seeds its random numbers from the system's, and with them the hashes in a snapshot",
    after: "the seed is 1: the same sources give the same bytes",
    safe: "the hashes of a snapshot are the same for all who have the executable in any case; in executables the function is as it was",
    checkedBy: "executable.test.ts, two builds give the same bytes",
    saves: 0.01,
    edits: [
      {
        function: "_ZN2v84base21RandomNumberGeneratorC2Ev",
        calls: "_ZN2v84base21RandomNumberGenerator7SetSeedEl",
        argument: 1,
      },
    ],
  },
];
