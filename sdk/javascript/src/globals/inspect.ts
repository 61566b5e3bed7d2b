/** Values as a person reads them: what `console` prints. */

/** How deep objects are shown. */
const DEPTH = 3;
/** How many items are shown. */
const ITEMS = 100;
/** How long a line may be before an object has a line for each field. */
const WIDTH = 76;

let placed: ((error: Error) => string | undefined) | undefined;

/** Has the stacks of errors shown by another function, which knows where in the program's sources its lines are. */
export function placeStacks(by: (error: Error) => string | undefined): void {
  placed = by;
}

/** The arguments of `console.log` as one text: a format with `%s` and the like if the first is one, and blanks between the others. */
export function formatted(values: readonly unknown[]): string {
  const [first, ...rest] = values;
  const pieces: string[] = [];
  if (typeof first === 'string' && rest.length > 0 && first.includes('%')) {
    pieces.push(
      first.replace(/%[sdifjoOc%]/g, (place) => {
        if (place === '%%') return '%';
        return rest.length === 0 ? place : filled(place, rest.shift());
      }),
    );
  } else if (values.length > 0) {
    pieces.push(shown(first));
  }
  return [...pieces, ...rest.map(shown)].join(' ');
}

function filled(place: string, value: unknown): string {
  switch (place) {
    case '%s':
      return typeof value === 'object' && value !== null ? inspect(value) : String(value);
    case '%d':
      return String(typeof value === 'bigint' ? value : Number(value));
    case '%i':
      return String(Number.parseInt(String(value), 10));
    case '%f':
      return String(Number.parseFloat(String(value)));
    case '%j':
      return JSON.stringify(value) ?? 'undefined';
    case '%c':
      return '';
    default:
      return inspect(value);
  }
}

function shown(value: unknown): string {
  return typeof value === 'string' ? value : inspect(value);
}

/** One value. */
export function inspect(value: unknown, depth: number = DEPTH, around: readonly object[] = []): string {
  switch (typeof value) {
    case 'string':
      return around.length === 0 ? `'${value}'` : JSON.stringify(value);
    case 'bigint':
      return `${value}n`;
    case 'number':
      return Object.is(value, -0) ? '-0' : String(value);
    case 'function':
      return `[${value.toString().startsWith('class') ? 'class' : 'Function'} ${value.name || '(anonymous)'}]`;
    case 'object':
      return value === null ? 'null' : object(value, depth, around);
    default:
      return String(value);
  }
}

function object(value: object, depth: number, around: readonly object[]): string {
  if (around.includes(value)) return '[Circular]';
  if (value instanceof Error) return error(value);
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? 'Invalid Date' : value.toISOString();
  if (value instanceof RegExp) return String(value);
  if (value instanceof Promise) return 'Promise {}';
  const prefix = named(value);
  const inside = [...around, value];
  if (depth < 0) return prefix ? `[${prefix.trim()}]` : Array.isArray(value) ? '[Array]' : '[Object]';
  const item = (one: unknown): string => inspect(one, depth - 1, inside);
  if (Array.isArray(value) || (ArrayBuffer.isView(value) && !(value instanceof DataView))) {
    const all = value as unknown as ArrayLike<unknown>;
    const items = Array.from({ length: Math.min(all.length, ITEMS) }, (_, index) => item(all[index]));
    if (all.length > ITEMS) items.push(`… ${all.length - ITEMS} more`);
    return bracketed(prefix, '[', items, ']');
  }
  if (value instanceof Map) {
    return bracketed(`Map(${value.size}) `, '{', Array.from(value, ([key, one]) => `${item(key)} => ${item(one)}`), '}');
  }
  if (value instanceof Set) return bracketed(`Set(${value.size}) `, '{', Array.from(value, item), '}');
  const fields = Object.keys(value).map((key) => {
    const name = /^[A-Za-z$_\u00c0-\u024f][\w$\u00c0-\u024f]*$/.test(key) ? key : JSON.stringify(key);
    return `${name}: ${item((value as Record<string, unknown>)[key])}`;
  });
  return bracketed(prefix, '{', fields, '}');
}

function named(value: object): string {
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype === null) return '[Object: null prototype] ';
  const name = (value as { constructor?: { name?: string } }).constructor?.name ?? '';
  if (Array.isArray(value)) return name === 'Array' ? '' : `${name}(${value.length}) `;
  if (ArrayBuffer.isView(value)) return `${name}(${(value as Uint8Array).length ?? value.byteLength}) `;
  return name === 'Object' || name === '' ? '' : `${name} `;
}

function error(value: Error): string {
  const known = placed?.(value);
  if (known !== undefined) return known;
  const head = value.message ? `${value.name}: ${value.message}` : value.name;
  const stack = typeof value.stack === 'string' ? value.stack.trimEnd() : '';
  const whole = stack.startsWith(value.name) || stack === '' ? stack || head : `${head}\n${stack}`;
  return value.cause === undefined ? whole : `${whole}\n  [cause]: ${inspect(value.cause)}`;
}

function bracketed(prefix: string, open: string, items: readonly string[], close: string): string {
  if (items.length === 0) return `${prefix}${open}${close}`;
  const line = items.join(', ');
  if (line.length + prefix.length <= WIDTH && !line.includes('\n')) {
    return open === '[' ? `${prefix}[ ${line} ]` : `${prefix}{ ${line} }`;
  }
  const indented = items.map((item) => `  ${item.replaceAll('\n', '\n  ')}`);
  return `${prefix}${open}\n${indented.join(',\n')}\n${close}`;
}
