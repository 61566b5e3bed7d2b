import { Sampler } from 'inferlet';
import { ctx } from './around.ts';

// From the page.
import type { Constraint } from 'inferlet';
class MyConstraint implements Constraint {
step(accepted: Uint32Array): Uint32Array {
  // The page leaves the body out.
  return new Uint32Array();
}
}
// To here.

await ctx.fork().generate(Sampler.argmax(), { constrain: [new MyConstraint()] }).collectText();
