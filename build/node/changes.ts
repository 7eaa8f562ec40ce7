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
    safe: "the process ends by exit(), which frees nothing: shared/executable/at-start.ts",
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
  {
    name: "process-end",
    kind: "semantics",
    onlyInExecutables: true,
    source: "src/api/environment.cc, DefaultProcessExitHandlerInternal",
    before:
      "the process waits for its helper threads, tidies up V8, OpenSSL and libuv, and runs what is registered with atexit()",
    after: "exit_group(status)",
    safe: "all of it goes with the process; what a plugin prints is written by then, by write(2)",
    loses: "Node's reports and profiles that are written when a process ends",
    checkedBy: "executable.test.ts",
    saves: 0.3,
    // mov edi, esi; mov eax, 231; syscall and mov w0, w1; mov x8, 94; svc 0
    edits: [
      {
        function: "_ZN4node33DefaultProcessExitHandlerInternalEPNS_11EnvironmentENS_8ExitCodeE",
        becomes: { x64: "89f7b8e70000000f05", arm64: "5f2403d5e003012ac80b80d2010000d4" },
      },
    ],
  },
  {
    name: "memory-of-machine",
    kind: "semantics",
    source: "deps/uv/src/unix/linux.c, uv_get_total_memory and uv_get_constrained_memory",
    before: "V8's limits follow from /proc/meminfo and the memory cgroup, for which four files are read",
    after: "V8's limits are those of a machine with 4 GiB, wherever it runs",
    safe: "no plugin comes near them",
    loses: "os.totalmem() and process.constrainedMemory() tell no truth",
    checkedBy: "changes.test.ts, the heap's limit is the same everywhere",
    saves: 0.15,
    edits: [
      {
        // push 1; pop rax; shl rax, 32; ret and mov x0, 0x100000000; ret
        function: "uv_get_total_memory",
        becomes: { x64: "6a015848c1e020c3", arm64: "5f2403d52000c0d2c0035fd6" },
      },
      givesFalse("uv_get_constrained_memory"),
    ],
  },
  {
    name: "heap-in-one-place",
    kind: "semantics",
    // There addresses come from the seed, which is fixed: other ones give other bytes.
    onlyInExecutables: true,
    source: "deps/v8/src/base/platform/platform-posix.cc, OS::GetRandomMmapAddr",
    before:
      "each piece of V8's heap lies at an address of its own, drawn by lot, with page tables of its own",
    after: "0: the kernel chooses the place, at random for the first and next to that for others",
    safe: "where the first piece lies is as random as what mmap(2) gives everybody",
    loses: "addresses within the heap are not independent of each other",
    checkedBy: "changes.test.ts, a changed Node still runs",
    saves: 0.2,
    edits: [givesFalse("_ZN2v84base2OS17GetRandomMmapAddrEv")],
  },
  {
    name: "ring-of-event-loop",
    kind: "speed",
    only: "x64",
    source: "deps/uv/src/unix/linux.c, uv__iou_init in uv__platform_loop_init",
    before: "each event loop has a ring of io_uring, by which it changes its epoll set",
    after: "as on kernels without io_uring: epoll_ctl(2) changes the set",
    safe: "plugins have no event loop",
    checkedBy: "changes.test.ts, a changed Node still runs",
    saves: 0.1,
    edits: [
      {
        within: "uv__platform_loop_init",
        places: {
          x64: {
            // mov edi, 425 (io_uring_setup); mov [rbp-0xa8], r13d; call syscall
            pattern: "bfa90100004489ad........e8........",
            // mov eax, -1 in place of the call: no system call that does not exist, which a seccomp filter may punish
            becomes: (found) => {
              found.set([0xb8, 0xff, 0xff, 0xff, 0xff], found.length - 5);
              return found;
            },
          },
        },
      },
    ],
  },
  {
    name: "openssl-cpu",
    kind: "speed",
    source: "deps/openssl/openssl/crypto/cpuid.c, OPENSSL_cpuid_setup",
    before: "before main(), OpenSSL asks what the processor can do, which a hypervisor answers one by one",
    after: "OpenSSL uses what every processor can do",
    safe: "SHA-512 of short texts is all that plugins use of it",
    checkedBy: "changes.test.ts, OpenSSL is there for who asks for it",
    saves: 0.08,
    edits: [doesNothing("OPENSSL_cpuid_setup")],
  },
  {
    name: "compiler-cpu",
    kind: "speed",
    only: "x64",
    source: "libgcc's config/i386/cpuinfo.c, __cpu_indicator_init",
    before: "before main(), the compiler's library asks what the processor can do",
    after: "nothing",
    safe: "only histograms of perf_hooks look at the answer, and do without",
    checkedBy: "changes.test.ts, a changed Node still runs",
    saves: 0.14,
    edits: [{ function: "__cpu_indicator_init", becomes: { x64: returnsFalse.x64 } }],
  },
  {
    name: "random-seed",
    kind: "speed",
    only: "x64",
    source: "deps/v8/src/base/utils/random-number-generator.cc, RandomNumberGenerator::RandomNumberGenerator",
    before: 'fopen("/dev/urandom"), fread and fclose, which read 4 kB for 8 bytes, four times',
    after: "getrandom(2)",
    safe: "both are the kernel's; where it fails, V8 takes the clock as before",
    checkedBy: "changes.test.ts, random numbers are others in each start",
    saves: 0.08,
    edits: [
      {
        within: "_ZN2v84base21RandomNumberGeneratorC2Ev",
        places: {
          x64: {
            // mov esi, "rb"; mov edi, "/dev/urandom"; call fopen64; mov r12, rax; test rax, rax; je; lea rdi, [rbp-0x40];
            // mov rcx, rax; mov edx, 1; mov esi, 8; call fread; mov rdi, r12; mov r13, rax; call fclose; cmp r13, 1
            pattern:
              "be........bf........e8........4989c44885c074..488d7d..4889c1ba01000000be08000000e8........4c89e74989c5e8........4983fd01",
            // lea rdi, [rbp-0x40]; mov esi, 8; xor edx, edx; mov eax, 318; syscall; cmp rax, 8; nop
            becomes: (found) => {
              const place = found.subarray(23, 27);
              const code = Buffer.concat([place, Buffer.from("be0800000031d2b83e0100000f054883f808", "hex")]);
              return Buffer.concat([code, Buffer.alloc(found.length - code.length, 0x90)]);
            },
          },
        },
      },
    ],
  },
  {
    name: "bottom-of-stack",
    kind: "speed",
    only: "x64",
    source: "deps/v8/src/base/platform/platform-linux.cc, Stack::ObtainCurrentThreadStackStart",
    before: "pthread_getattr_np(), which reads /proc/self/maps, tells where the main thread's stack begins",
    after: "as where that fails: __libc_stack_end tells it",
    safe: "V8 only has the main thread",
    checkedBy: "changes.test.ts, a changed Node still runs",
    saves: 0.1,
    edits: [
      {
        within: "_ZN2v84base5Stack29ObtainCurrentThreadStackStartEv",
        places: {
          x64: {
            // mov rdi, rax; call pthread_getattr_np; test eax, eax; je
            pattern: "4889c7e8........85c074",
            // mov eax, 1 in place of the call
            becomes: () => Buffer.from("4889c7b80100000085c074", "hex"),
          },
        },
      },
    ],
  },
  {
    name: "helper-threads",
    kind: "semantics",
    onlyInExecutables: true,
    only: "x64",
    source: "src/node_platform.cc, WorkerThreadsTaskRunner::WorkerThreadsTaskRunner",
    before:
      "a thread for V8's tasks in the background and one for delayed ones; the main thread waits until they run",
    after: "no threads",
    safe: "with --single-threaded V8 has no such tasks, and a delayed one is for a time when no plugin lives any more",
    loses: "Node does not end by returning from main(): see `process-end`",
    checkedBy: "executable.test.ts",
    saves: 0.3,
    edits: [
      {
        within: "_ZN4node23WorkerThreadsTaskRunnerC2EiNS_21PlatformDebugLogLevelE",
        places: {
          x64: {
            // mov [rbp-0xa4], esi; call uv_mutex_init; test eax, eax; jne
            pattern: "89b5........e8........85c00f85........",
            // and dword [rbp-0xa4], 0; nop in place of the test
            becomes: (found) =>
              Buffer.concat([
                found.subarray(0, 11),
                Buffer.from("83a5", "hex"),
                found.subarray(2, 6),
                Buffer.from("0090", "hex"),
              ]),
          },
        },
      },
      givesFalse("uv_thread_create"),
      doesNothing("uv_sem_wait"),
      doesNothing(
        "_ZN4node12NodePlatform33PostDelayedTaskOnWorkerThreadImplEN2v812TaskPriorityESt10unique_ptrINS1_4TaskESt14default_deleteIS4_EEdRKNS1_14SourceLocationE",
      ),
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
