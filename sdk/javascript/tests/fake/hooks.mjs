/** Has Node.js find modules of the engine in the fake. */

import { pathToFileURL } from 'node:url';

const dist = process.env.INFERLET_DIST;
const engine = new URL('engine.mjs', import.meta.url).href;

export async function resolve(specifier, context, next) {
  if (/^(pie|wasi):/.test(specifier)) return { url: `fake:${specifier}`, shortCircuit: true };
  // What programs import is what is tested.
  if (specifier === 'inferlet' && dist !== undefined) return { url: `${pathToFileURL(dist).href}/index.js`, shortCircuit: true };
  return next(specifier, context);
}

export async function load(url, context, next) {
  if (!url.startsWith('fake:')) return next(url, context);
  const name = JSON.stringify(url.slice('fake:'.length));
  const source = `import { module } from ${JSON.stringify(engine)};\nexport default module(${name});\n`;
  return { format: 'module', source, shortCircuit: true };
}
