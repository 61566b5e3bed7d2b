// From the page.
import {
Model, Tokenizer, Context, Adapter,
Forward, Output, Generator, GenStep,
Sampler, Logits, Distribution, Logprob, Logprobs, Entropy,
Grammar, GrammarConstraint,
jsonSchema, anyJson, regex, ebnf, grammar,
chat, reasoning, tools,
runtime, scheduling, session, messaging, mcp,
} from 'inferlet';
// To here.

export const all = [
  Model, Tokenizer, Context, Adapter, Forward, Output, Generator, GenStep, Sampler, Logits, Distribution, Logprob, Logprobs, Entropy, Grammar,
  GrammarConstraint, jsonSchema, anyJson, regex, ebnf, grammar, chat, reasoning, tools, runtime, scheduling, session, messaging, mcp,
];
if (all.some((one) => one === undefined)) throw new Error('something is not there');
