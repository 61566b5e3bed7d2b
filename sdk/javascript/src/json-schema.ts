/**
 * Whether a value fits a JSON Schema, as far as arguments of tools need: types, fields, items, choices. Keywords that it does not know restrict nothing here; the grammar
 * of the model's calls has restricted them already.
 *
 * @module
 */

type Schema = Record<string, unknown>;

/** What does not fit, with its place; `undefined` if all does. */
export function misfits(value: unknown, schema: object, place: string = ''): string | undefined {
  const s = schema as Schema;
  return (
    wrongType(value, s, place) ??
    wrongChoice(value, s, place) ??
    wrongFields(value, s, place) ??
    wrongItems(value, s, place) ??
    wrongCase(value, s, place)
  );
}

function wrongType(value: unknown, schema: Schema, place: string): string | undefined {
  if (schema['type'] === undefined) return undefined;
  const types = (Array.isArray(schema['type']) ? schema['type'] : [schema['type']]) as string[];
  if (types.some((type) => isOf(value, type))) return undefined;
  return `${at(place)}\`${shown(value)}\` is no ${types.join(' or ')}`;
}

function isOf(value: unknown, type: string): boolean {
  switch (type) {
    case 'null':
      return value === null;
    case 'array':
      return Array.isArray(value);
    case 'object':
      return typeof value === 'object' && value !== null && !Array.isArray(value);
    case 'integer':
      return Number.isInteger(value);
    default:
      return typeof value === type;
  }
}

function wrongChoice(value: unknown, schema: Schema, place: string): string | undefined {
  const choices = 'const' in schema ? [schema['const']] : (schema['enum'] as unknown[] | undefined);
  if (choices === undefined) return undefined;
  const text = JSON.stringify(value);
  if (choices.some((choice) => JSON.stringify(choice) === text)) return undefined;
  return `${at(place)}unknown value \`${shown(value)}\`, expected ${choices.map((choice) => `\`${shown(choice)}\``).join(' or ')}`;
}

function wrongFields(value: unknown, schema: Schema, place: string): string | undefined {
  if (!isOf(value, 'object')) return undefined;
  const fields = value as Record<string, unknown>;
  const properties = (schema['properties'] ?? {}) as Record<string, object>;
  const { additionalProperties } = schema;
  for (const name of (schema['required'] ?? []) as string[]) {
    if (!Object.hasOwn(fields, name)) return `${at(place)}missing field \`${name}\``;
  }
  for (const [name, item] of Object.entries(fields)) {
    const inner = place ? `${place}.${name}` : name;
    const own = Object.hasOwn(properties, name) ? properties[name] : undefined;
    if (own === undefined && additionalProperties === false) {
      const known = Object.keys(properties).map((field) => `\`${field}\``);
      return `${at(place)}unknown field \`${name}\`, ${known.length > 0 ? `expected ${known.join(' or ')}` : 'there are no fields'}`;
    }
    const other = typeof additionalProperties === 'object' && additionalProperties !== null ? additionalProperties : {};
    const wrong = misfits(item, own ?? other, inner);
    if (wrong !== undefined) return wrong;
  }
  return undefined;
}

function wrongItems(value: unknown, schema: Schema, place: string): string | undefined {
  if (!Array.isArray(value)) return undefined;
  const first = (schema['prefixItems'] ?? []) as object[];
  const rest = typeof schema['items'] === 'object' && schema['items'] !== null ? schema['items'] : {};
  for (const [index, item] of value.entries()) {
    const wrong = misfits(item, first[index] ?? rest, `${place}[${index}]`);
    if (wrong !== undefined) return wrong;
  }
  return undefined;
}

function wrongCase(value: unknown, schema: Schema, place: string): string | undefined {
  const cases = (schema['anyOf'] ?? schema['oneOf']) as object[] | undefined;
  if (cases === undefined) return undefined;
  const wrongs = cases.map((one) => misfits(value, one, place));
  return wrongs.includes(undefined) ? undefined : wrongs.join(', or ');
}

function at(place: string): string {
  return place ? `\`${place}\`: ` : '';
}

function shown(value: unknown): string {
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return text.length > 40 ? `${text.slice(0, 40)}…` : text;
}
