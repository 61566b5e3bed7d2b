// `inferlet/testing`: the cases of a project, run by the installed `bakery` and told as the runner of Node.js tells of tests. For the machine that tests, and not for
// inferlets: it starts a program. Plain JavaScript, because Node.js loads it as it is; its types are in `index.d.ts`.

import { AssertionError } from 'node:assert';
import { execFile, spawnSync } from 'node:child_process';
import { basename, resolve } from 'node:path';
import { describe, test } from 'node:test';

/** More than there are cases: those that are to be run begin together, and so are run by one `bakery test`. */
const TOGETHER = 100_000;
/** The most bytes of documents. */
const MOST = 1 << 30;

export class BakeryError extends Error {
  constructor(message) {
    super(message);
    this.name = 'BakeryError';
  }
}

export function cases(project = '.', { bakery } = {}) {
  const root = resolve(project);
  const { program, args, options } = command(bakery, root, ['--list']);
  const { error, status, stdout, stderr } = spawnSync(program, args, options);
  return documents(program, error, status, stdout, stderr)
    .filter((said) => said.type === 'listed')
    .map(({ name, file, line, tags, snapshot }) => ({ project: root, name, file: resolve(root, file), line, tags, snapshot }));
}

export function run(project = '.', { names, update, options: more = [], bakery } = {}) {
  if (names?.length === 0) return Promise.resolve([]);
  const { program, args, options } = command(bakery, resolve(project), [
    ...(names ?? []),
    ...more,
    ...(update === undefined ? [] : ['--update', update]),
  ]);
  return new Promise((done, failed) => {
    const child = execFile(program, args, options, (error, stdout, stderr) => {
      try {
        const status = error === null ? 0 : error.code;
        const absent = typeof status === 'number' ? undefined : error;
        const said = documents(program, absent, status, stdout, stderr);
        done(said.filter((document) => document.type === 'case').map(result));
      } catch (wrong) {
        failed(wrong);
      }
    });
    child.stdin?.end();
  });
}

export function describeResult({ problems, again }) {
  return [...problems.map(described), `again: ${again}`].join('\n');
}

export function check(result) {
  if (result.passed) return result;
  const sides = result.problems.flatMap((problem) => problem.lines);
  const side = (left_out) => sides.filter((line) => !line.startsWith(left_out)).map((line) => line.slice(1));
  throw new AssertionError({
    message: describeResult(result),
    operator: 'bakery test',
    ...(sides.length > 0 && { expected: side('+').join('\n'), actual: side('-').join('\n') }),
  });
}

export function testCases(project = '.', options = {}) {
  const root = resolve(project);
  const found = cases(root, options).filter(({ tags }) => options.tags === undefined || options.tags.some((tag) => tags.includes(tag)));
  const batch = new Batch(root, options);
  describe(options.title ?? basename(root), { concurrency: TOGETHER }, () => {
    for (const { name } of found) {
      test(name, async (context) => {
        const came = await batch.result(name);
        context.diagnostic(`${came.passes} passes, ${came.sampledTokens} tokens`);
        check(came);
      });
    }
  });
}

/** The cases that begin in one turn of the loop are run together. */
class Batch {
  #names = [];
  #came;

  constructor(root, options) {
    this.root = root;
    this.options = options;
  }

  async result(name) {
    this.#names.push(name);
    this.#came ??= new Promise((next) => setImmediate(next)).then(() => {
      const names = this.#names;
      [this.#names, this.#came] = [[], undefined];
      return run(this.root, { ...this.options, names });
    });
    return (await this.#came).find((result) => result.name === name);
  }
}

function result({ problems, sampled_tokens: sampledTokens, least_margin: leastMargin, ...said }) {
  const { name, passed, passes, coverage, again } = said;
  return { name, passed, problems: problems.map(problem), passes, sampledTokens, leastMargin, coverage, again };
}

function problem({ kind, message, difference, traces = [] }) {
  return { kind, message, lines: difference?.lines ?? [], tokens: difference?.tokens ?? [], traces };
}

function described({ message, lines, tokens, traces }) {
  const marked = (token) => {
    const text = JSON.stringify(token.slice(1)).slice(1, -1);
    return token.startsWith('-') ? `[-${text}-]` : token.startsWith('+') ? `{+${text}+}` : text;
  };
  return [
    message,
    ...(tokens.length > 0 ? [`  tokens: ${tokens.map(marked).join('')}`] : []),
    ...lines.map((line) => (line.startsWith('@') ? `    … ${line.slice(1)} the same` : `    ${line}`)),
    ...traces.map((trace) => `  trace: ${trace}`),
  ].join('\n');
}

function command(bakery, root, args) {
  const program = bakery ?? (process.env.BAKERY || 'bakery');
  return { program, args: ['test', root, '--json', ...args], options: { encoding: 'utf8', maxBuffer: MOST, stdio: ['ignore', 'pipe', 'pipe'] } };
}

/** The documents of `bakery test --json`. */
function documents(program, error, status, stdout, stderr) {
  if (error?.code === 'ENOENT') {
    throw new BakeryError(`there is no program \`${program}\`; put \`bakery\` on the search path, or name it in the variable \`BAKERY\``);
  }
  if (error) throw new BakeryError(`cannot run \`${program}\`: ${error.message}`);
  let said = [];
  try {
    said = stdout.split('\n').filter(Boolean).map((line) => JSON.parse(line));
  } catch {
    // It is said below how the program ended.
  }
  // Where cases failed, an error follows them; what came of them says more.
  const whole = said.some(({ type }) => type === 'tested' || type === 'listed');
  if (whole && (status === 0 || status === 1)) return said;
  const wrong = said.find(({ type }) => type === 'error');
  if (wrong === undefined) throw new BakeryError(stderr.trim() || `\`bakery test\` ended with ${status}`);
  const causes = wrong.causes.map((cause) => `cause: ${cause}`);
  throw new BakeryError([wrong.message, ...causes, ...wrong.hints.map((hint) => `hint: ${hint}`)].join('\n'));
}
