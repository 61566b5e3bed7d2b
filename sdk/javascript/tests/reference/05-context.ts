import { model } from './around.ts';

// From the page.
import { Context } from 'inferlet';
using ctx = new Context(model);
// To here.

ctx.user('abc');
