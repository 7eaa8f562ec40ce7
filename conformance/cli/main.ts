/** `conformance --bin-dir DIR …`: the conformance suite as a program; see arguments.ts. */
import { makeTraffic } from "../harness/traffic/traffic-modes.ts";
import { conformance } from "./conformance.ts";
import { serveOrders } from "./worker.ts";

const argv = process.argv.slice(2);
if (argv[0] === "--traffic") makeTraffic(argv.slice(1));
else if (argv[0] === "--worker") void serveOrders();
else
  void conformance(argv).then((status) => {
    process.exitCode = status;
  });
