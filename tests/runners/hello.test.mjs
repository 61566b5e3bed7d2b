// ANCHOR: test
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { check, run, testCases } from 'inferlet/testing';

// A test for each case.
testCases('hello');

// A test that looks at what came of them.
test('greets in few passes', async () => {
  for (const result of await run('hello')) assert.ok(check(result).passes < 100);
});
// ANCHOR_END: test
