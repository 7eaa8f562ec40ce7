import { chainedMutants } from "./chained-mutants.ts";
import { testCaught } from "./test-caught.ts";

await testCaught(chainedMutants);
