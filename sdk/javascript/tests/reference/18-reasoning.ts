import { model } from './around.ts';

// From the page.
import { reasoning } from 'inferlet';
// To here.

new reasoning.Decoder(model);
