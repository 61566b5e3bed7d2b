import { ctx as around, tokenIds } from './around.ts';
import { Sampler } from 'inferlet';

const ctx = around.fork();
ctx.takeBuffer();

// From the page.
const fwd = ctx.forward();
fwd.input(tokenIds);
const h = fwd.sample([0], Sampler.argmax());
const out = await fwd.execute();
const token = out.token(h);
// To here.

if (typeof token !== 'number') throw new Error('no token');
