import { g } from './around.ts';

// From the page.
for await (const step of g) {
const out = await step.execute();
}
// To here.
