// Builds the SDK into a folder of its own, checks types, and runs all tests. `node run.mjs [FOLDER]`; in the repository's own tests it is below the target folder.

import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, symlinkSync, existsSync } from 'node:fs';
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
const files = readdirSync(tests).filter((name) => name.endsWith('.test.mjs')).sort();
run('--import', join(tests, 'fake/register.mjs'), '--test', ...files.map((name) => join(tests, name)));
