/** JSON Schemas of valibot's validators, which do not say them themselves: they are data, and read here. */

import { InferletError } from './errors.ts';

/** A validator or action of valibot, as far as it is looked at. */
interface Node {
  kind?: 'schema' | 'validation' | 'transformation' | 'metadata';
  type: string;
  pipe?: Node[];
  entries?: Record<string, Node>;
  item?: Node;
  items?: Node[];
  rest?: Node;
  value?: Node;
  wrapped?: Node;
  options?: unknown[];
  literal?: unknown;
  requirement?: unknown;
  enum?: Record<string, unknown>;
  description?: string;
  title?: string;
}

type Json = Record<string, unknown>;

const PLAIN: Record<string, Json> = {
  string: { type: 'string' },
  number: { type: 'number' },
  boolean: { type: 'boolean' },
  null: { type: 'null' },
  any: {},
  unknown: {},
};

/** The keyword of a check whose requirement is its value. */
const CHECKS: Record<string, string> = {
  min_value: 'minimum',
  max_value: 'maximum',
  gt_value: 'exclusiveMinimum',
  lt_value: 'exclusiveMaximum',
  multiple_of: 'multipleOf',
};

/** The JSON Schema of a validator of valibot. */
export function valibotSchema(validator: unknown): Json {
  return schema(validator as Node);
}

function schema(node: Node): Json {
  const [first, ...actions] = node.pipe ?? [node];
  let result = base(first as Node);
  for (const action of actions) {
    // Behind a transformation a value is not what the model wrote any more.
    if (action.kind === 'transformation') break;
    result = { ...result, ...checked(action, result) };
  }
  return result;
}

function base(node: Node): Json {
  const plain = PLAIN[node.type];
  if (plain !== undefined) return { ...plain };
  switch (node.type) {
    case 'object':
    case 'loose_object':
    case 'strict_object':
    case 'object_with_rest':
      return object(node);
    case 'array':
      return { type: 'array', items: schema(node.item as Node) };
    case 'tuple':
    case 'strict_tuple':
      return tuple(node.items ?? []);
    case 'record':
      return { type: 'object', additionalProperties: schema(node.value as Node) };
    case 'literal':
      return { const: node.literal };
    case 'picklist':
      return { enum: node.options };
    case 'enum':
      return { enum: Object.values(node.enum ?? {}) };
    case 'union':
    case 'variant':
      return { anyOf: (node.options as Node[]).map(schema) };
    case 'nullable':
    case 'nullish':
      return { anyOf: [schema(node.wrapped as Node), { type: 'null' }] };
    case 'optional':
    case 'undefinedable':
    case 'non_nullable':
    case 'non_optional':
    case 'exact_optional':
      return schema(node.wrapped as Node);
    default:
      throw new InferletError(`\`${node.type}\` of valibot cannot be said as JSON Schema; give the schema as JSON Schema, and the validator to \`parse\``);
  }
}

function object(node: Node): Json {
  const fields = Object.entries(node.entries ?? {});
  const properties = Object.fromEntries(fields.map(([name, field]) => [name, schema(field)]));
  const isOptional = (field: Node) => ['optional', 'nullish', 'exact_optional', 'undefinedable'].includes(field.type);
  const required = fields.filter(([, field]) => !isOptional(field)).map(([name]) => name);
  const rest = node.type === 'object_with_rest' ? schema(node.rest as Node) : node.type === 'loose_object';
  return { type: 'object', properties, required, additionalProperties: rest };
}

function tuple(items: Node[]): Json {
  return { type: 'array', prefixItems: items.map(schema), minItems: items.length, maxItems: items.length };
}

function checked(action: Node, so: Json): Json {
  const keyword = CHECKS[action.type];
  if (keyword !== undefined) return { [keyword]: action.requirement };
  const isText = so['type'] === 'string';
  switch (action.type) {
    case 'integer':
    case 'safe_integer':
      return { type: 'integer' };
    case 'regex':
      return { pattern: (action.requirement as RegExp).source };
    case 'min_length':
      return { [isText ? 'minLength' : 'minItems']: action.requirement };
    case 'max_length':
      return { [isText ? 'maxLength' : 'maxItems']: action.requirement };
    case 'length':
      return isText
        ? { minLength: action.requirement, maxLength: action.requirement }
        : { minItems: action.requirement, maxItems: action.requirement };
    case 'non_empty':
      return { [isText ? 'minLength' : 'minItems']: 1 };
    case 'description':
      return { description: action.description };
    case 'title':
      return { title: action.title };
    default:
      // Any other check is the validator's alone.
      return {};
  }
}
