import { ctx } from './around.ts';

// From the page.
import { Sampler } from 'inferlet';
const g = ctx.generate(Sampler.topP(0.6, 0.95), { maxTokens: 256 });
// To here.

await g.collectText();
