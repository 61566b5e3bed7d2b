/** A folder `/scratch` in memory. */

import { Resource, refusal } from './clock.mjs';

const FILE = 'regular-file';

/** Files have bytes, folders a map. */
export const scratch = new Map();

export class Descriptor extends Resource {
  constructor(node) {
    super();
    this.node = node;
  }

  #parent(path) {
    const parts = path.split('/');
    let folder = this.node;
    for (const part of parts.slice(0, -1)) {
      folder = folder.get(part);
      if (folder === undefined) throw refusal('no-entry');
      if (!(folder instanceof Map)) throw refusal('not-directory');
    }
    return [folder, parts.at(-1)];
  }

  #found(path) {
    if (path === '.') return this.node;
    const [folder, name] = this.#parent(path);
    const node = folder.get(name);
    if (node === undefined) throw refusal('no-entry');
    return node;
  }

  openAt(_pathFlags, path, flags) {
    let node;
    try {
      node = this.#found(path);
      if (flags.exclusive) throw refusal('exist');
    } catch (error) {
      if (error.payload !== 'no-entry' || !flags.create) throw error;
      node = { bytes: new Uint8Array() };
      const [folder, name] = this.#parent(path);
      folder.set(name, node);
    }
    if (flags.directory && !(node instanceof Map)) throw refusal('not-directory');
    if (!flags.directory && node instanceof Map) throw refusal('is-directory');
    if (flags.truncate) node.bytes = new Uint8Array();
    return new Descriptor(node);
  }

  read(length, offset) {
    const { bytes } = this.node;
    // A short read is no end.
    const end = Math.min(bytes.length, offset + length, offset + 5);
    return [bytes.slice(offset, end), end === bytes.length];
  }

  write(buffer, offset) {
    const bytes = new Uint8Array(Math.max(this.node.bytes.length, offset + buffer.length));
    bytes.set(this.node.bytes);
    bytes.set(buffer, offset);
    this.node.bytes = bytes;
    return buffer.length;
  }

  stat() {
    const isFolder = this.node instanceof Map;
    return {
      type: isFolder ? 'directory' : FILE,
      size: isFolder ? 0 : this.node.bytes.length,
      dataModificationTimestamp: { seconds: 2, nanoseconds: 5e6 },
    };
  }

  statAt(_pathFlags, path) {
    return new Descriptor(this.#found(path)).stat();
  }

  createDirectoryAt(path) {
    const [folder, name] = this.#parent(path);
    if (folder.has(name)) throw refusal('exist');
    folder.set(name, new Map());
  }

  readDirectory() {
    return new DirectoryEntryStream([...this.node].reverse());
  }

  removeDirectoryAt(path) {
    if (this.#found(path).size > 0) throw refusal('not-empty');
    const [folder, name] = this.#parent(path);
    folder.delete(name);
  }

  unlinkFileAt(path) {
    if (this.#found(path) instanceof Map) throw refusal('is-directory');
    const [folder, name] = this.#parent(path);
    folder.delete(name);
  }

  renameAt(path, other, newPath) {
    const node = this.#found(path);
    const [folder, name] = this.#parent(path);
    const [newFolder, newName] = other.#parent(newPath);
    folder.delete(name);
    newFolder.set(newName, node);
  }
}

class DirectoryEntryStream extends Resource {
  #entries;

  constructor(entries) {
    super();
    this.#entries = entries;
  }

  readDirectoryEntry() {
    const entry = this.#entries.shift();
    if (entry === undefined) return null;
    return { name: entry[0], type: entry[1] instanceof Map ? 'directory' : FILE };
  }
}

export const modules = {
  'wasi:filesystem/preopens': { getDirectories: () => [[new Descriptor(scratch), '/scratch']] },
};
