// From the page.
import { Model } from 'inferlet';
// To here.

Model.load('default');
