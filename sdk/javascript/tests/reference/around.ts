/** What stands around the snippets of the reference page. */

import { Context, Model, Sampler } from 'inferlet';

export const model: Model = Model.load('default');
export const ctx: Context = new Context(model).user('abc').cue();
export const g = ctx.fork().generate(Sampler.argmax(), { maxTokens: 2 });
export const tokens: Uint32Array = model.tokenizer().encode('abc');
export const tokenIds: number[] = [5];
