/** Node's path, as far as plugins use it: https://nodejs.org/api/path.html. Only paths of POSIX, and only strings. */

/** A path without empty parts and `.`, and without `..` where the part before it is known. */
export function normalize(path: string): string {
  if (path === "") return ".";
  const isAbsolute = path.startsWith("/");
  const parts: string[] = [];
  for (const part of path.split("/")) {
    if (part === "" || part === ".") continue;
    if (part !== "..") parts.push(part);
    else if (parts.length > 0 && parts.at(-1) !== "..") parts.pop();
    else if (!isAbsolute) parts.push("..");
  }
  const joined = parts.join("/");
  const isFolder = path.endsWith("/");
  if (isAbsolute) return isFolder && joined !== "" ? `/${joined}/` : `/${joined}`;
  if (joined === "") return isFolder ? "./" : ".";
  return isFolder ? `${joined}/` : joined;
}

export function join(...paths: readonly string[]): string {
  return normalize(paths.filter((path) => path !== "").join("/"));
}

/** A path's absolute form. */
export function resolve(...paths: readonly string[]): string {
  const first = paths.findLastIndex((path) => path.startsWith("/"));
  const rest = paths.slice(Math.max(first, 0));
  const path = normalize(
    [...(first === -1 ? [internalBinding("process_methods").cwd()] : []), ...rest].join("/"),
  );
  return path.length > 1 && path.endsWith("/") ? path.slice(0, -1) : path;
}

export function dirname(path: string): string {
  const slash = path.lastIndexOf("/", lastOfName(path));
  if (slash > 1) return path.slice(0, slash);
  if (!path.startsWith("/")) return slash === 1 ? path.slice(0, 1) : ".";
  return slash === 1 ? "//" : "/";
}

export function basename(path: string, suffix = ""): string {
  if (path === suffix) return "";
  const last = lastOfName(path);
  const name = path.slice(path.lastIndexOf("/", last) + 1, last + 1);
  return name.endsWith(suffix) && name !== suffix ? name.slice(0, name.length - suffix.length) : name;
}

/** Where the last character is that is no slash; -1 without one. */
function lastOfName(path: string): number {
  let last = path.length - 1;
  while (path[last] === "/") last -= 1;
  return last;
}
