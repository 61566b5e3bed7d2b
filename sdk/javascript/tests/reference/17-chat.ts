import { model, tokens } from './around.ts';

// From the page.
import { chat } from 'inferlet';
const dec = new chat.Decoder(model);
const ev = dec.feed(tokens);
if (ev.type === 'delta') { }
// To here.
