// Builds the SDK into a folder of its own, checks types, and runs all tests. `node run.mjs [FOLDER]`; in the repository's own tests it is below the target folder.

import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const tests = fileURLToPath(new URL('.', import.meta.url));
const home = fileURLToPath(new URL('..', import.meta.url));
const work = process.argv[2] ?? mkdtempSync(join(tmpdir(), 'inferlet-sdk-'));
mkdirSync(work, { recursive: true });
const dist = join(work, 'dist');
process.env.INFERLET_DIST = dist;

function run(...args) {
  const { status } = spawnSync(process.execPath, args, { cwd: home, stdio: 'inherit' });
  if (status !== 0) process.exit(status ?? 1);
}

run('build.mjs', '--check');
const modules = join(work, 'node_modules');
if (!existsSync(modules)) symlinkSync(join(home, 'node_modules'), modules, 'dir');

// The examples in the comments become programs, beside the snippets that they take their surroundings from.
const comments = join(tests, 'comments');
rmSync(comments, { recursive: true, force: true });
run('reference.mjs', '--examples', comments);
if (process.env.INFERLET_BOOK !== undefined) run('reference.mjs', '--check', process.env.INFERLET_BOOK);

// Snippets and types are checked against what is published.
const compiled = join(work, 'types');
rmSync(compiled, { recursive: true, force: true });
const config = {
  compilerOptions: {
    target: 'ES2022',
    module: 'ESNext',
    moduleResolution: 'bundler',
    lib: ['ES2024', 'ESNext.Disposable'],
    types: [],
    strict: true,
    allowImportingTsExtensions: true,
    rewriteRelativeImportExtensions: true,
    paths: { inferlet: [join(dist, 'index.d.ts')], 'inferlet/fs': [join(dist, 'fs.d.ts')] },
    typeRoots: [],
    rootDir: tests,
    outDir: compiled,
  },
  include: [join(tests, 'reference'), join(tests, 'types'), join(tests, 'comments')],
};
function compile(name, changes) {
  const file = join(work, name);
  writeFileSync(file, JSON.stringify({ ...config, ...changes, compilerOptions: { ...config.compilerOptions, ...changes.compilerOptions } }));
  run('node_modules/typescript/bin/tsc', '-p', file);
}
// The declarations themselves are checked too; those of validators need the browser's.
compile('tsconfig.own.json', { compilerOptions: { noEmit: true }, exclude: [join(tests, 'types/standard.ts')] });
compile('tsconfig.json', { compilerOptions: { skipLibCheck: true } });
process.env.INFERLET_TYPES = compiled;

const files = readdirSync(tests).filter((name) => name.endsWith('.test.mjs')).sort();
run('--expose-gc', '--import', join(tests, 'fake/register.mjs'), '--test', ...files.map((name) => join(tests, name)));
