/**
 * Files below `/scratch`: the part of `fs/promises` that a program needs there. It is what `import … from 'node:fs/promises'` gives in an inferlet.
 *
 * @module
 */

import * as bindings from './bindings.ts';
import { drop, isRefusal, text as checkedText, u8s } from './boundary.ts';
import { together } from './globals/blob.ts';
import { TextDecoder, TextEncoder, bytesOf } from './globals/encoding.ts';
import type { RawDescriptor, RawStat } from './interfaces.ts';

/** Where a file is. */
export type PathLike = string | URL;
/** What is written: text or bytes. */
export type Data = string | ArrayBufferView | ArrayBuffer;
/** Text is UTF-8. */
export type Encoding = 'utf8' | 'utf-8';

const FOLLOW = { symlinkFollow: true };
const STAY = { symlinkFollow: false };
const READ = { create: false, directory: false, exclusive: false, truncate: false };
const PIECE = 65536;

/** An error as Node.js has it. */
interface FileError extends Error {
  code: string;
  syscall: string;
  path: string;
}

const CODES: Record<string, [string, string]> = {
  access: ['EACCES', 'permission denied'],
  exist: ['EEXIST', 'file already exists'],
  'insufficient-space': ['ENOSPC', 'no space left on device'],
  quota: ['EDQUOT', 'disk quota exceeded'],
  'is-directory': ['EISDIR', 'illegal operation on a directory'],
  'no-entry': ['ENOENT', 'no such file or directory'],
  'not-directory': ['ENOTDIR', 'not a directory'],
  'not-empty': ['ENOTEMPTY', 'directory not empty'],
  'not-permitted': ['EPERM', 'operation not permitted'],
  'read-only': ['EROFS', 'read-only file system'],
};

/** What a file is. */
export class Stats {
  /** Its length in bytes. */
  readonly size: number;
  /** When it was changed, in milliseconds since 1970. */
  readonly mtimeMs: number;
  #type: string;

  /** @internal */
  constructor(stat: RawStat) {
    this.size = Number(stat.size);
    const changed = stat.dataModificationTimestamp;
    this.mtimeMs = changed ? Number(changed.seconds) * 1000 + changed.nanoseconds / 1e6 : 0;
    this.#type = stat.type;
  }

  /** When it was changed. */
  get mtime(): Date {
    return new Date(this.mtimeMs);
  }

  /** Whether it is a file. */
  isFile(): boolean {
    return this.#type === 'regular-file';
  }

  /** Whether it is a folder. */
  isDirectory(): boolean {
    return this.#type === 'directory';
  }
}

/** What a folder has in it. */
export class Dirent {
  /** Its name. */
  readonly name: string;
  #type: string;

  /** @internal */
  constructor(name: string, type: string) {
    this.name = name;
    this.#type = type;
  }

  /** Whether it is a file. */
  isFile(): boolean {
    return this.#type === 'regular-file';
  }

  /** Whether it is a folder. */
  isDirectory(): boolean {
    return this.#type === 'directory';
  }
}

/** All of a file: bytes, or text with an encoding. */
export function readFile(path: PathLike, options: Encoding | { encoding: Encoding }): Promise<string>;
export function readFile(path: PathLike, options?: { encoding?: null } | null): Promise<Uint8Array>;
export async function readFile(
  path: PathLike,
  options?: Encoding | { encoding?: Encoding | null } | null,
): Promise<string | Uint8Array> {
  const bytes = failing('open', path, () => {
    return opened(path, READ, 'read', (file) => {
      const pieces: Uint8Array[] = [];
      for (let at = 0, isOver = false; !isOver; ) {
        const [piece, isEnd] = file.read(PIECE, at);
        pieces.push(u8s(piece));
        at += piece.length;
        isOver = isEnd || piece.length === 0;
      }
      return together(pieces);
    });
  });
  const encoding = typeof options === 'string' ? options : options?.encoding;
  return encoding ? new TextDecoder(encoding).decode(bytes) : bytes;
}

/** Makes a file of some data, or replaces what was in it. `flag` `a` appends, and `wx` fails if it is there. */
export async function writeFile(
  path: PathLike,
  data: Data,
  options?: Encoding | { encoding?: Encoding | null; flag?: 'w' | 'wx' | 'a' } | null,
): Promise<void> {
  const flag = (typeof options === 'object' ? options?.flag : undefined) ?? 'w';
  const bytes = typeof data === 'string' ? new TextEncoder().encode(data) : bytesOf(data);
  failing('open', path, () => {
    const flags = { create: true, directory: false, exclusive: flag === 'wx', truncate: flag !== 'a' };
    opened(path, flags, 'write', (file) => {
      let at = flag === 'a' ? Number(file.stat().size) : 0;
      for (let from = 0; from < bytes.length; ) {
        const written = Number(file.write(bytes.slice(from, from + PIECE), at));
        from += written;
        at += written;
      }
    });
  });
}

/** Appends to a file, which is made if it is not there. */
export async function appendFile(path: PathLike, data: Data): Promise<void> {
  return writeFile(path, data, { flag: 'a' });
}

/** Makes a folder; with `recursive` those around it too, and it may be there. */
export async function mkdir(path: PathLike, options: { recursive?: boolean } = {}): Promise<void> {
  if (!options.recursive) {
    failing('mkdir', path, () => at(path, (folder, name) => folder.createDirectoryAt(name)));
    return;
  }
  const parts = pathOf(path).split('/').slice(2);
  for (let length = 1; length <= parts.length; length += 1) {
    const part = `/scratch/${parts.slice(0, length).join('/')}`;
    failing('mkdir', part, () => {
      at(part, (folder, name) => {
        try {
          folder.createDirectoryAt(name);
        } catch (error) {
          if (!isRefusal(error) || !folder.statAt(FOLLOW, name).type.startsWith('dir')) throw error;
        }
      });
    });
  }
}

/** The names in a folder, in the order of the alphabet. */
export function readdir(path: PathLike, options: { withFileTypes: true }): Promise<Dirent[]>;
export function readdir(path: PathLike, options?: { withFileTypes?: false }): Promise<string[]>;
export async function readdir(path: PathLike, options: { withFileTypes?: boolean } = {}): Promise<string[] | Dirent[]> {
  const entries = failing('scandir', path, () => {
    return opened(path, { ...READ, directory: true }, 'read', (folder) => {
      const stream = folder.readDirectory();
      const found: Dirent[] = [];
      for (let entry = stream.readDirectoryEntry(); entry; entry = stream.readDirectoryEntry()) {
        found.push(new Dirent(entry.name, entry.type));
      }
      drop(stream);
      return found;
    });
  });
  entries.sort((a, b) => (a.name < b.name ? -1 : 1));
  return options.withFileTypes ? entries : entries.map(({ name }) => name);
}

/** What a file or folder is. */
export async function stat(path: PathLike): Promise<Stats> {
  return new Stats(failing('stat', path, () => at(path, (folder, name) => folder.statAt(FOLLOW, name))));
}

/** The same of a link itself. */
export async function lstat(path: PathLike): Promise<Stats> {
  return new Stats(failing('lstat', path, () => at(path, (folder, name) => folder.statAt(STAY, name))));
}

/** Rejects if there is no such file or folder. */
export async function access(path: PathLike): Promise<void> {
  failing('access', path, () => at(path, (folder, name) => folder.statAt(FOLLOW, name)));
}

/** Removes a file. */
export async function unlink(path: PathLike): Promise<void> {
  failing('unlink', path, () => at(path, (folder, name) => folder.unlinkFileAt(name)));
}

/** Removes an empty folder. */
export async function rmdir(path: PathLike): Promise<void> {
  failing('rmdir', path, () => at(path, (folder, name) => folder.removeDirectoryAt(name)));
}

/** Removes a file, or with `recursive` a folder and all in it. With `force` it need not be there. */
export async function rm(path: PathLike, options: { recursive?: boolean; force?: boolean } = {}): Promise<void> {
  let found: Stats;
  try {
    found = await lstat(path);
  } catch (error) {
    if (options.force && (error as FileError).code === 'ENOENT') return;
    throw error;
  }
  if (!found.isDirectory()) return unlink(path);
  if (!options.recursive) throw fileError('rm', pathOf(path), 'is-directory');
  for (const name of await readdir(path)) await rm(`${pathOf(path)}/${name}`, options);
  return rmdir(path);
}

/** Gives a file or folder another name. */
export async function rename(path: PathLike, newPath: PathLike): Promise<void> {
  failing('rename', path, () => {
    at(path, (folder, name) => at(newPath, (other, newName) => folder.renameAt(name, other, newName)));
  });
}

/** Copies a file. */
export async function copyFile(path: PathLike, newPath: PathLike): Promise<void> {
  await writeFile(newPath, await readFile(path));
}

function pathOf(path: PathLike): string {
  const given = typeof path === 'object' && 'pathname' in path ? decodeURIComponent(path.pathname) : path;
  const parts: string[] = [];
  for (const part of checkedText(given, 'a path').split('/')) {
    if (part === '..') parts.pop();
    else if (part !== '' && part !== '.') parts.push(part);
  }
  return `/${parts.join('/')}`;
}

/** Calls a function with the folder of the host that a path is in, and the path inside of it. */
function at<T>(path: PathLike, call: (folder: RawDescriptor, name: string) => T): T {
  const whole = pathOf(path);
  const folders = bindings.preopens.getDirectories();
  try {
    const [folder, root] = folders.find(([, root]) => whole === root || whole.startsWith(`${root}/`)) ?? [];
    if (folder === undefined || root === undefined) throw fileError('open', whole, 'not-permitted');
    return call(folder, whole.slice(root.length + 1) || '.');
  } finally {
    for (const [folder] of folders) drop(folder);
  }
}

/** Calls a function with an open file or folder, and closes it. */
function opened<T>(
  path: PathLike,
  flags: { create: boolean; directory: boolean; exclusive: boolean; truncate: boolean },
  use: 'read' | 'write',
  call: (file: RawDescriptor) => T,
): T {
  const access = {
    read: use === 'read',
    write: use === 'write',
    fileIntegritySync: false,
    dataIntegritySync: false,
    requestedWriteSync: false,
    mutateDirectory: false,
  };
  const file = at(path, (folder, name) => folder.openAt(FOLLOW, name, flags, access));
  try {
    return call(file);
  } finally {
    drop(file);
  }
}

function failing<T>(syscall: string, path: PathLike, call: () => T): T {
  try {
    return call();
  } catch (error) {
    throw isRefusal(error) ? fileError(syscall, pathOf(path), String(error.payload)) : error;
  }
}

function fileError(syscall: string, path: string, kind: string): FileError {
  const [code, what] = CODES[kind] ?? ['EIO', kind];
  const where = kind === 'not-permitted' && !path.startsWith('/scratch') ? ' (an inferlet has the files below `/scratch`)' : '';
  return Object.assign(new Error(`${code}: ${what}, ${syscall} '${path}'${where}`), { code, syscall, path });
}

export default {
  access,
  appendFile,
  copyFile,
  lstat,
  mkdir,
  readFile,
  readdir,
  rename,
  rm,
  rmdir,
  stat,
  unlink,
  writeFile,
} as Record<string, unknown>;
