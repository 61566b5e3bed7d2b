// Unpacks the browser of `@sparticuz/chromium`, as npm has installed it below the first argument, into the folder that is the second one.
import { createReadStream, createWriteStream, chmodSync, mkdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createBrotliDecompress } from 'node:zlib';

const [, , home, folder] = process.argv;
const { extract } = createRequire(join(home, 'package.json'))('tar-fs');
const packed = (name) => createReadStream(join(home, 'node_modules/@sparticuz/chromium/bin', name)).pipe(createBrotliDecompress());

mkdirSync(folder, { recursive: true });
await pipeline(packed('chromium.br'), createWriteStream(join(folder, 'chromium')));
chmodSync(join(folder, 'chromium'), 0o755);
// Libraries that a bare machine lacks, what draws without a graphics card, and a font.
for (const name of ['al2023.tar.br', 'swiftshader.tar.br', 'fonts.tar.br']) await pipeline(packed(name), extract(folder));
