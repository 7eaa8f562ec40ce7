import { bridgeMutants } from "./bridge-mutants.ts";
import { testCaught } from "./test-caught.ts";

await testCaught(bridgeMutants);
