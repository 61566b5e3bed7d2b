/**
 * Writing values as JSON. As `JSON.stringify`, but what JSON cannot hold is an error that names its place, and not left out or turned into something
 * else without a word.
 *
 * @module
 */

import { described } from './boundary.ts';
import { InferletError } from './errors.ts';

/** JSON text of a value, without blanks. Throws {@link InferletError} with the place of what JSON cannot hold. */
export function stringify(value: unknown): string {
  return JSON.stringify(plain(value, '', []) ?? null);
}

/** JSON text with the keys of objects in the order of the alphabet. */
export function sorted(value: unknown): string {
  return JSON.stringify(inOrder(plain(value, '', []) ?? null));
}

/** The value made of objects, arrays, text, numbers, booleans and `null` only. `undefined` is left out of objects, as JavaScript does. */
function plain(value: unknown, place: string, around: object[]): unknown {
  switch (typeof value) {
    case 'string':
    case 'boolean':
    case 'undefined':
      return value;
    case 'number':
      if (Number.isFinite(value)) return value;
      throw unwritable(place, described(value));
    case 'bigint':
      throw unwritable(place, `the BigInt \`${value}\``, '; make it a number with `Number(…)`, or text with `String(…)`');
    case 'function':
    case 'symbol':
      throw unwritable(place, described(value));
    case 'object':
      return value === null ? null : written(value, place, around);
  }
}

function written(value: object, place: string, around: object[]): unknown {
  if (around.includes(value)) {
    throw unwritable(place, 'a value that contains itself');
  }
  if (typeof (value as { toJSON?: unknown }).toJSON === 'function') {
    const key = place.split('.').pop() ?? '';
    return plain((value as { toJSON(key: string): unknown }).toJSON(key), place, [...around, value]);
  }
  if (value instanceof String || value instanceof Number || value instanceof Boolean) return value.valueOf();
  const inside = [...around, value];
  if (Array.isArray(value)) return items(value, place, inside);
  if (ArrayBuffer.isView(value) && !(value instanceof DataView)) {
    return items(Array.from(value as unknown as ArrayLike<unknown>), place, inside);
  }
  if (value instanceof Map) throw unwritable(place, 'a `Map`', '; `Object.fromEntries(…)` makes an object of it');
  if (value instanceof Set) throw unwritable(place, 'a `Set`', '; `[...set]` makes an array of it');
  if (value instanceof Promise) throw unwritable(place, described(value));
  const object: Record<string, unknown> = {};
  for (const key of Object.keys(value)) {
    const item = plain((value as Record<string, unknown>)[key], place ? `${place}.${key}` : key, inside);
    // An assignment to `__proto__` would not make a field.
    if (item !== undefined) Object.defineProperty(object, key, { value: item, enumerable: true });
  }
  return object;
}

function items(values: unknown[], place: string, inside: object[]): unknown[] {
  return Array.from(values, (item, index) => plain(item, `${place}[${index}]`, inside) ?? null);
}

function inOrder(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(inOrder);
  if (typeof value !== 'object' || value === null) return value;
  const fields = Object.entries(value).map(([key, item]) => [key, inOrder(item)] as const);
  return Object.fromEntries(fields.sort(([a], [b]) => (a < b ? -1 : 1)));
}

function unwritable(place: string, what: string, hint: string = ''): InferletError {
  return new InferletError(`${place ? `\`${place}\`: ` : ''}${what} cannot be written as JSON${hint}`);
}
