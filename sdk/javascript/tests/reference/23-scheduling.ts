import { ctx } from './around.ts';

// From the page.
import { scheduling } from 'inferlet';
// To here.

scheduling.price();
ctx.setBid(2);
{
  using _ = ctx.idle();
}
