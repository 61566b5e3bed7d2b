// From the page.
import { session } from 'inferlet';
// To here.

session.send('hello');
