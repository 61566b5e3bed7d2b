// From the page.
import { jsonSchema, anyJson, regex, ebnf, grammar } from 'inferlet';
// To here.

[jsonSchema('{}'), anyJson(), regex('a'), ebnf('start: "a"'), grammar];
