import { Sampler } from 'inferlet';
import { ctx } from './around.ts';

// From the page.
import type { Speculator } from 'inferlet';
class MySpec implements Speculator {
draft(): [Uint32Array, Uint32Array] {
return [new Uint32Array(), new Uint32Array()];
}
accept(tokens: Uint32Array): void {
return;
}
rollback(n: number): void {
return;
}
reset(): void {
return;
}
}
// To here.

await ctx.fork().generate(Sampler.argmax(), { speculator: new MySpec() }).collectText();
