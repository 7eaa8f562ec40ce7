import { protocolMutants } from "./protocol-mutants.ts";
import { testCaught } from "./test-caught.ts";

await testCaught(protocolMutants);
