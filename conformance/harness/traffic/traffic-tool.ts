/** The program that traffic.ts runs in a container's namespace. */
import { makeTraffic } from "./traffic-modes.ts";

makeTraffic(process.argv.slice(2));
