/** File types within `mode` (stat(2), inode(7)) and, as libuv numbers them, of directory entries (uv_dirent_type_t). */
const S_IFMT = 0o170000;
const S_IFDIR = 0o040000;
const S_IFREG = 0o100000;
const S_IFLNK = 0o120000;
const S_IFSOCK = 0o140000;
const UV_DIRENT_UNKNOWN = 0;
const UV_DIRENT_FILE = 1;
const UV_DIRENT_DIR = 2;
const UV_DIRENT_LINK = 3;

/** https://nodejs.org/api/fs.html#class-fsstats: of times only those of the content and the status. */
export class Stats {
  readonly dev: number;
  readonly mode: number;
  readonly nlink: number;
  readonly uid: number;
  readonly ino: number;
  readonly size: number;
  readonly mtimeMs: number;
  readonly ctimeMs: number;

  constructor([
    dev = 0,
    mode = 0,
    nlink = 0,
    uid = 0,
    _gid,
    _rdev,
    _blksize,
    ino = 0,
    size = 0,
    _blocks,
    _atime,
    _atimeNs,
    mtime = 0,
    mtimeNs = 0,
    ctime = 0,
    ctimeNs = 0,
  ]: Float64Array) {
    this.dev = dev;
    this.mode = mode;
    this.nlink = nlink;
    this.uid = uid;
    this.ino = ino;
    this.size = size;
    this.mtimeMs = mtime * 1000 + mtimeNs / 1e6;
    this.ctimeMs = ctime * 1000 + ctimeNs / 1e6;
  }

  get mtime(): Date {
    return new Date(Math.round(this.mtimeMs));
  }

  isDirectory(): boolean {
    return (this.mode & S_IFMT) === S_IFDIR;
  }

  isFile(): boolean {
    return (this.mode & S_IFMT) === S_IFREG;
  }

  isSocket(): boolean {
    return (this.mode & S_IFMT) === S_IFSOCK;
  }
}

/** https://nodejs.org/api/fs.html#class-fsstats with `bigint`: times are in nanoseconds alone. */
export class BigIntStats {
  readonly dev: bigint;
  readonly nlink: bigint;
  readonly ino: bigint;
  readonly size: bigint;
  readonly mtimeNs: bigint;
  readonly ctimeNs: bigint;
  readonly birthtimeNs: bigint;

  constructor(values: BigInt64Array) {
    const [dev = 0n, , nlink = 0n, , , , , ino = 0n, size = 0n] = values;
    const [mtime = 0n, mtimeNs = 0n, ctime = 0n, ctimeNs = 0n, birth = 0n, birthNs = 0n] =
      values.subarray(12);
    this.dev = dev;
    this.nlink = nlink;
    this.ino = ino;
    this.size = size;
    this.mtimeNs = mtime * 1_000_000_000n + mtimeNs;
    this.ctimeNs = ctime * 1_000_000_000n + ctimeNs;
    this.birthtimeNs = birth * 1_000_000_000n + birthNs;
  }
}

/** https://nodejs.org/api/fs.html#class-fsdirent: it does not know its directory. */
export class Dirent {
  readonly name: string;
  readonly #type: number;

  /** `modeOf` is asked where the file system's directories do not tell types. */
  constructor(name: string, type: number, modeOf: () => number) {
    this.name = name;
    this.#type = type === UV_DIRENT_UNKNOWN ? typeOf(modeOf()) : type;
  }

  isDirectory(): boolean {
    return this.#type === UV_DIRENT_DIR;
  }

  isFile(): boolean {
    return this.#type === UV_DIRENT_FILE;
  }

  isSymbolicLink(): boolean {
    return this.#type === UV_DIRENT_LINK;
  }
}

function typeOf(mode: number): number {
  switch (mode & S_IFMT) {
    case S_IFREG:
      return UV_DIRENT_FILE;
    case S_IFDIR:
      return UV_DIRENT_DIR;
    case S_IFLNK:
      return UV_DIRENT_LINK;
    default:
      return UV_DIRENT_UNKNOWN;
  }
}
