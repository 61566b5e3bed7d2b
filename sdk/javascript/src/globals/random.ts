/** Randomness of the host: `crypto`, and `Math.random`. In test runs it follows from the seed of the run. */

import * as bindings from '../bindings.ts';
import { u8s } from '../boundary.ts';
import { bytesOf } from './encoding.ts';
import { DOMException } from './exception.ts';

/** The most bytes that are asked for at once. */
const QUOTA = 65536;

/** A typed array of whole numbers. */
type Integers =
  | Int8Array
  | Uint8Array
  | Uint8ClampedArray
  | Int16Array
  | Uint16Array
  | Int32Array
  | Uint32Array
  | BigInt64Array
  | BigUint64Array;

/** Random values that cannot be foreseen, outside of test runs. */
export class Crypto {
  /** Fills an array, and returns it. */
  getRandomValues<T extends Integers>(array: T): T {
    if (!ArrayBuffer.isView(array) || array instanceof Float32Array || array instanceof Float64Array || array instanceof DataView) {
      throw new DOMException('random values go into an array of whole numbers', 'TypeMismatchError');
    }
    if (array.byteLength > QUOTA) {
      throw new DOMException(`random values are given for ${QUOTA} bytes at once, not ${array.byteLength}`, 'QuotaExceededError');
    }
    bytesOf(array).set(u8s(bindings.random.getRandomBytes(array.byteLength)));
    return array;
  }

  /** A random UUID, of version 4. */
  randomUUID(): `${string}-${string}-${string}-${string}-${string}` {
    const bytes = this.getRandomValues(new Uint8Array(16));
    bytes[6] = ((bytes[6] as number) & 0x0f) | 0x40;
    bytes[8] = ((bytes[8] as number) & 0x3f) | 0x80;
    const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
    return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
  }
}

let state: Uint32Array | undefined;

/**
 * A number from 0 up to 1, without 1. The engine's own generator would give the same numbers in each instance: it was seeded when the component was made. This one
 * (xoshiro128**, https://prng.di.unimi.it) is seeded by the host, at first use.
 */
export function random(): number {
  state ??= new Uint32Array(bytesOf(u8s(bindings.insecure.getInsecureRandomBytes(16))).slice().buffer);
  const high = next(state) >>> 5;
  const low = next(state) >>> 6;
  return (high * 2 ** 26 + low) / 2 ** 53;
}

function next(s: Uint32Array): number {
  const [a, b, c, d] = [s[0] as number, s[1] as number, s[2] as number, s[3] as number];
  const result = Math.imul(rotated(Math.imul(b, 5), 7), 9) >>> 0;
  const third = c ^ a;
  const fourth = d ^ b;
  s[1] = b ^ third;
  s[0] = a ^ fourth;
  s[2] = third ^ (b << 9);
  s[3] = rotated(fourth, 11);
  return result;
}

function rotated(value: number, by: number): number {
  return (value << by) | (value >>> (32 - by));
}
