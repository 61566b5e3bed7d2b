// Snippets and types: `run.mjs` has checked their types and compiled them; here they run.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { fileURLToPath, pathToFileURL } from 'node:url';

const compiled = process.env.INFERLET_TYPES;

describe('the reference page', { skip: compiled === undefined && 'run.mjs compiles it' }, () => {
  for (const name of compiled === undefined ? [] : readdirSync(join(compiled, 'reference')).sort()) {
    test(`the snippet ${name} runs as it is`, () => import(pathToFileURL(join(compiled, 'reference', name)).href));
  }

  for (const name of compiled === undefined ? [] : readdirSync(join(compiled, 'comments')).sort()) {
    test(`the example ${name} of the comments runs as it is`, async () => {
      const { main } = await import(pathToFileURL(join(compiled, 'comments', name)).href);
      await main?.({});
    });
  }

  test('every row has the types of the page, and can be called', () => import(pathToFileURL(join(compiled, 'types/rows.js')).href));

  test('validators of zod, valibot and arktype do', () => import(pathToFileURL(join(compiled, 'types/standard.js')).href));
});

test('where there is no engine the package can be imported, and says so when it is needed', () => {
  const folder = process.env.INFERLET_DIST ?? fileURLToPath(new URL('../dist', import.meta.url));
  const program = `
    import { Model, Sampler, brle, tool } from ${JSON.stringify(pathToFileURL(join(folder, 'native.js')).href)};
    const add = tool({ name: 'add', description: 'Adds.', parameters: { type: 'object' }, execute: ({ a, b }) => a + b });
    console.log(await add.call('{"a": 1, "b": 2}'), Sampler.topP().kind, brle.only([3, 1]));
    try { Model.load('default'); } catch (error) { console.log(error.message); }
  `;
  const said = execFileSync(process.execPath, ['--input-type=module', '-e', program], { encoding: 'utf8', env: {} });
  assert.match(said, /^3 top-p 3\n`model\.Model` needs the engine, which is there only while/);
});
