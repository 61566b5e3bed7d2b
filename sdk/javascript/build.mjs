// Makes `dist`, what is published, of `src`; and `src/globals/vendor.js` of core-js. `node build.mjs --check` says whether the latter is up to date.

import { execFileSync } from 'node:child_process';
import { cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build, version } from 'esbuild';

const home = dirname(fileURLToPath(import.meta.url));
const vendor = join(home, 'src/globals/vendor.js');

/** What QuickJS lacks and core-js has: it puts itself in its place where there is none. */
const POLYFILLS = ['url', 'url-search-params', 'structured-clone', 'atob', 'btoa'];

async function vendored() {
  const { version: coreJs, license } = JSON.parse(readFileSync(join(home, 'node_modules/core-js/package.json')));
  const bundle = await build({
    stdin: { contents: POLYFILLS.map((name) => `import 'core-js/actual/${name}';`).join('\n'), resolveDir: home },
    bundle: true,
    format: 'iife',
    target: 'es2022',
    minify: true,
    legalComments: 'none',
    write: false,
  });
  const head = [
    `// Made by \`node build.mjs\` of core-js ${coreJs} (${license} license, Copyright (c) 2013-2025 Denis Pushkarev, 2025-2026 CoreJS Company),`,
    `// with esbuild ${version}: ${POLYFILLS.join(', ')}.`,
  ];
  return `${head.join('\n')}\n${bundle.outputFiles[0].text}`;
}

const text = await vendored();
if (process.argv.includes('--check')) {
  if (readFileSync(vendor, 'utf8') !== text) {
    console.error('`src/globals/vendor.js` is not what core-js and esbuild of the lock file make: run `npm run build`');
    process.exit(1);
  }
} else {
  writeFileSync(vendor, text);
}
const out = process.env.INFERLET_DIST ?? join(home, 'dist');
rmSync(out, { recursive: true, force: true });
execFileSync(process.execPath, [join(home, 'node_modules/typescript/bin/tsc'), '-p', home, '--outDir', out], { stdio: 'inherit' });
for (const file of ['globals/ambient.d.ts', 'globals/vendor.js', 'engine-modules.d.ts']) {
  cpSync(join(home, 'src', file), join(out, file));
}
// What Node.js finds: the same without an engine.
await build({
  entryPoints: { native: join(home, 'src/index.ts') },
  outdir: out,
  bundle: true,
  format: 'esm',
  target: 'es2022',
  plugins: [
    {
      name: 'absent',
      setup(its) {
        its.onResolve({ filter: /\/bindings\.ts$/ }, () => ({ path: join(home, 'src/absent.ts') }));
      },
    },
  ],
});
// The compiler points back to where the file was.
const index = join(out, 'index.d.ts');
writeFileSync(index, readFileSync(index, 'utf8').replace(/path="[^"]*ambient\.d\.ts" preserve="true"/, 'path="./globals/ambient.d.ts"'));
