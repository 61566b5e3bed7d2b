// From the page.
import { runtime } from 'inferlet';
// To here.

runtime.models();
