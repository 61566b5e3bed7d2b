// From the page.
import { messaging, Subscription } from 'inferlet';
// To here.

const sub: Subscription = messaging.subscribe('news');
sub.unsubscribe();
for await (const msg of sub) throw new Error(msg);
