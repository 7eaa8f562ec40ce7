import { connect, constants } from "node:http2";
import { connect as connectSocket } from "node:net";
import { decode, encode, type Message, type Value } from "./protobuf.ts";

export type GrpcMethod = { readonly path: string; readonly request: Message; readonly response: Message };

/** Pulling of nothing and starting of one process: more would be a hang. */
const deadlineMs = 180_000;

/**
 * One unary gRPC call over a Unix socket (https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md). Rejects
 * with the server's words when the call's status is not OK.
 */
export async function callGrpc(
  socket: string,
  method: GrpcMethod,
  request: { readonly [name: string]: Value },
): Promise<Record<string, Value>> {
  const session = connect("http://localhost", { createConnection: () => connectSocket(socket) });
  try {
    return await new Promise((resolve, reject) => {
      session.on("error", reject);
      const stream = session.request({
        [constants.HTTP2_HEADER_METHOD]: "POST",
        [constants.HTTP2_HEADER_PATH]: method.path,
        [constants.HTTP2_HEADER_CONTENT_TYPE]: "application/grpc",
        [constants.HTTP2_HEADER_TE]: "trailers",
      });
      const chunks: Buffer[] = [];
      let outcome: Record<string, unknown> = {};
      // A failure may come without any body: then its status is among the headers.
      stream.on("response", (headers) => {
        outcome = { ...headers };
      });
      stream.on("trailers", (trailers) => {
        outcome = { ...outcome, ...trailers };
      });
      stream.on("data", (chunk: Buffer) => chunks.push(chunk));
      stream.on("error", reject);
      stream.on("end", () => {
        if (outcome["grpc-status"] !== "0") {
          const words = decodeURIComponent(String(outcome["grpc-message"] ?? ""));
          reject(new Error(`${method.path}: gRPC status ${String(outcome["grpc-status"])}: ${words}`));
        } else resolve(decode(method.response, Buffer.concat(chunks).subarray(prefixLength)));
      });
      stream.setTimeout(deadlineMs, () => reject(new Error(`${method.path}: no answer in ${deadlineMs} ms`)));
      stream.end(framed(encode(method.request, request)));
    });
  } finally {
    session.destroy();
  }
}

const prefixLength = 5;

/** A message with gRPC's prefix: not compressed, and its length. */
function framed(message: Buffer): Buffer {
  const prefix = Buffer.alloc(prefixLength);
  prefix.writeUInt32BE(message.length, 1);
  return Buffer.concat([prefix, message]);
}
