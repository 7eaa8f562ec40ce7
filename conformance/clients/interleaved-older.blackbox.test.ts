/** The same with the release of the Go plugins that most nodes still have; of single plugins those that differ from the newest. */
import { ensurePeer } from "../harness/plugins/peers.ts";
import { singleTurns, testTurns, wholeTurns } from "./taking-turns.ts";

testTurns(ensurePeer("1.9.1").binDir, [...wholeTurns(), ...singleTurns(["bridge", "host-local", "portmap"])]);
