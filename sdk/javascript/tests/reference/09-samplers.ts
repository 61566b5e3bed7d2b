// From the page.
import { Sampler } from 'inferlet';
// To here.

Sampler.argmax();
