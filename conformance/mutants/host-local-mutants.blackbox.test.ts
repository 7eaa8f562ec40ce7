import { hostLocalMutants } from "./host-local-mutants.ts";
import { testCaught } from "./test-caught.ts";

await testCaught(hostLocalMutants);
