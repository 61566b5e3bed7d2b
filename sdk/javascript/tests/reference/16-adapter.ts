import { Adapter } from 'inferlet';
import { model } from './around.ts';

// From the page.
using a = Adapter.create(model, 'draft');
// To here.

a.save('/scratch/draft.safetensors');
