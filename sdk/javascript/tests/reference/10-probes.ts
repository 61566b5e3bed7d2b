// From the page.
import { Logits, Distribution, Logprob, Logprobs, Entropy } from 'inferlet';
// To here.

[Logits(), Distribution(1, 0), Logprob(3), Logprobs([3, 4]), Entropy()];
