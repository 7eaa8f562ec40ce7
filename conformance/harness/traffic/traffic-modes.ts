/**
 * What runs inside a container's namespace (see traffic.ts):
 *
 *   http PORT PAGE                       serves {page, client} on all addresses, then prints `ready`
 *   udp PORT [NAME]                      answers each datagram with `CLIENT-ADDRESS NAME` (or the datagram's text),
 *                                        then prints `ready`
 *   udp-client HOST PORT TEXT [SECONDS] [SOURCE-PORT]
 *                                        sends one datagram, prints the answer; status 1 when none came in time
 *
 * The servers end when standard input does.
 */
import { createSocket } from "node:dgram";
import { createServer } from "node:http";
import { isIPv6 } from "node:net";

/** Runs one of the modes above with its arguments. */
export function makeTraffic([mode, ...args]: readonly string[]): void {
  if (mode === "http") serveHttp(Number(args[0]), args[1] ?? "");
  else if (mode === "udp") serveUdp(Number(args[0]), args[1]);
  else if (mode === "udp-client")
    askUdp(args[0] ?? "", Number(args[1]), args[2] ?? "", Number(args[3] ?? 30), Number(args[4] ?? 0));
  else throw new Error(`unknown mode ${mode}`);
}

function serveHttp(port: number, page: string): void {
  const server = createServer((request, response) => {
    response.setHeader("connection", "close");
    response.end(JSON.stringify({ page, client: plainAddress(request.socket.remoteAddress ?? "") }));
  });
  server.listen(port, "::", announce);
}

function serveUdp(port: number, name?: string): void {
  const socket = createSocket("udp6");
  socket.on("message", (text, from) => {
    socket.send(`${plainAddress(from.address)} ${name ?? text}`, from.port, from.address);
  });
  socket.bind(port, announce);
}

function askUdp(host: string, port: number, text: string, seconds: number, sourcePort: number): void {
  const socket = createSocket(isIPv6(host) ? "udp6" : "udp4");
  const timer = setTimeout(() => process.exit(1), 1000 * seconds);
  socket.on("error", () => process.exit(1));
  socket.on("message", (answer) => {
    clearTimeout(timer);
    console.log(answer.toString());
    socket.close();
  });
  socket.bind(sourcePort, () => socket.send(text, port, host));
}

/** Sockets on `::` report IPv4 clients as `::ffff:A.B.C.D`. */
function plainAddress(address: string): string {
  return address.replace(/^::ffff:/, "");
}

function announce(): void {
  process.stdin.resume().on("end", () => process.exit(0));
  console.log("ready");
}
