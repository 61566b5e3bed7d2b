import { model } from './around.ts';

// From the page.
import { Grammar, GrammarConstraint, Matcher } from 'inferlet';
// To here.

new GrammarConstraint(new Matcher(Grammar.json(), model.tokenizer()));
