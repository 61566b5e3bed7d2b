import { GrammarConstraint, Model, Sampler } from 'inferlet';
import { ctx } from './around.ts';

// From the page.
class MySchema {
buildConstraint(model: Model): GrammarConstraint {
return GrammarConstraint.json(model);
}
}
// To here.

await ctx.fork().generate(Sampler.argmax(), { constrain: new MySchema() }).collectText();
