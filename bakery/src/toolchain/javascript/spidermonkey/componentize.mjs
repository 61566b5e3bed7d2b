// Makes a component of `program.js` for the world `program` of `wit/`, as `program.wasm`. It is called in the folder of these.
//
// Of the engine's own features only the clock is on, because its timers need that: what it prints, asks and draws goes through the SDK.

import { writeFile } from 'node:fs/promises';
import { componentize } from '@bytecodealliance/componentize-js';

const disableFeatures = ['stdio', 'random', 'http', 'fetch-event'];
const { component } = await componentize({ sourcePath: 'program.js', witPath: 'wit', worldName: 'program', disableFeatures });
await writeFile('program.wasm', component);
