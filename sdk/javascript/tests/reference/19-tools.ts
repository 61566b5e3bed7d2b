import { model } from './around.ts';

// From the page.
import { tools } from 'inferlet';
// To here.

new tools.Decoder(model);
