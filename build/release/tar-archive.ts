import { buffer } from "node:stream/consumers";
import { gzipSync } from "node:zlib";
import { pack } from "tar-stream";

/** A file of an archive, or a hard link to one before it. */
export interface Member {
  /** Without a folder. */
  readonly name: string;
  /** Permission bits. */
  readonly mode: number;
  readonly content: Buffer | { readonly linkTo: string };
}

/**
 * A gzipped tar archive of files in one folder, as the Go plugins' releases are: members `./` and `./NAME`, all of root.
 * The same members give the same bytes.
 *
 * @param time of every member, in seconds since 1970.
 */
export async function tarGz(members: readonly Member[], time: number): Promise<Buffer> {
  const archive = pack();
  const common = { uid: 0, gid: 0, uname: "root", gname: "root", mtime: new Date(time * 1000) };
  archive.entry({ ...common, name: "./", type: "directory", mode: 0o755 });
  for (const { name, mode, content } of members) {
    const header = { ...common, name: `./${name}`, mode };
    if (Buffer.isBuffer(content)) archive.entry({ ...header, type: "file" }, content);
    else archive.entry({ ...header, type: "link", linkname: `./${content.linkTo}` });
  }
  archive.finalize();
  return gzipSync(await buffer(archive), { level: 9 });
}
