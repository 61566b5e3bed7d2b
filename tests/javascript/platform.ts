/** What the SDK puts in the place of what QuickJS lacks, and what the engine gives through it: all of it inside an inferlet. The test knows the answer. */

import { Context, Model, Sampler, chat, http, messaging, session } from 'inferlet';
import * as fs from 'node:fs/promises';

/** The message of what a function throws. */
async function refusal(call: () => unknown): Promise<string> {
  try {
    await call();
    return 'nothing was refused';
  } catch (error) {
    return `${(error as Error).name}: ${(error as Error).message}`;
  }
}

async function timers() {
  const begun = performance.now();
  const order: string[] = [];
  setTimeout(() => order.push('late'), 20);
  setTimeout((word: string) => order.push(word), 10, 'early');
  clearTimeout(setTimeout(() => order.push('never'), 5));
  const interval = setInterval(() => order.push('again'), 8);
  queueMicrotask(() => order.push('at once'));
  await new Promise((resolve) => setTimeout(resolve, 19.5));
  clearInterval(interval);
  await new Promise((resolve) => setTimeout(resolve, 10));
  return { order, elapsed: performance.now() - begun };
}

async function giving_up() {
  const waited = await refusal(() => session.receive({ signal: AbortSignal.timeout(30) }));
  const controller = new AbortController();
  const subscription = messaging.subscribe('news');
  const given = refusal(() => subscription.next({ signal: controller.signal }));
  controller.abort();
  messaging.broadcast('news', 'first');
  messaging.broadcast('news', 'second');
  const heard: string[] = [];
  for await (const message of subscription) {
    heard.push(message);
    if (heard.length === 2) break;
  }
  return { waited, given: await given, heard };
}

function values() {
  const url = new URL('../b?x=1&y=%20#top', 'https://Example.com:443/a/');
  const copy = structuredClone({ map: new Map([[1, [new Date(5)]]]) });
  const text = new TextDecoder().decode(new TextEncoder().encode('é🍞'));
  const [random] = [Math.random()];
  const uuid = crypto.randomUUID();
  return {
    url: url.href,
    parameters: [...url.searchParams],
    copy: copy.map.get(1)![0]!.getTime(),
    text,
    base64: atob(btoa('abc')),
    isRandom: random >= 0 && random < 1 && random !== Math.random(),
    isUuid: /^[0-9a-f-]{14}4[0-9a-f-]{21}$/.test(uuid) && uuid !== crypto.randomUUID(),
    words: new Set(crypto.getRandomValues(new Uint32Array(8))).size,
  };
}

async function files() {
  await fs.mkdir('/scratch/deep/er', { recursive: true });
  await fs.writeFile('/scratch/deep/a.txt', 'bread');
  await fs.appendFile('/scratch/deep/a.txt', ' 🍞');
  await fs.rename('/scratch/deep/a.txt', '/scratch/deep/er/b.txt');
  const text = await fs.readFile('/scratch/deep/er/b.txt', 'utf8');
  const { size } = await fs.stat('/scratch/deep/er/b.txt');
  const names = (await fs.readdir('/scratch/deep', { withFileTypes: true })).map((entry) => [entry.name, entry.isDirectory()]);
  const missing = await refusal(() => fs.readFile('/scratch/none'));
  const outside = await refusal(() => fs.readFile('/etc/passwd'));
  await fs.rm('/scratch/deep', { recursive: true });
  return { text, size, names, missing, outside, left: await fs.readdir('/scratch') };
}

async function network() {
  return { fetch: await refusal(() => fetch('https://example.com/')), short: await refusal(() => http.get('ftp://a')) };
}

/** More than an instance may hold at once: what nobody can reach any more is given back. */
async function many() {
  const model = Model.load('default');
  for (let made = 0; made < 12_000; made += 1) {
    new chat.Decoder(model);
    if (made % 100 === 0) await undefined;
  }
  for (let made = 0; made < 300; made += 1) {
    const ctx = new Context(model).appendText('bread');
    if (made % 3 === 0) await ctx.flush();
  }
  return 'all';
}

async function engine() {
  const model = Model.load('default');
  const half = model.tokenizer().decode(model.tokenizer().encode('a\ud800b'));
  const ctx = new Context(model).user('Hello!');
  const events: string[] = [];
  for await (const event of ctx.generate(Sampler.argmax(), { maxTokens: 4 }).events()) events.push(event.type);
  ctx.release();
  const released = await refusal(() => ctx.fork());
  const wrong = await refusal(() => new Context(model).append([1.5]));
  const sampler = await refusal(() => Sampler.topK(1, -1));
  return { half, events, released, wrong, sampler };
}

export async function main() {
  console.log('%s has %d parts', 'this', 7, { a: [1, 2n] });
  console.warn(new Map([['a', new Set([1])]]));
  session.print('no end');
  return {
    timers: await timers(),
    giving_up: await giving_up(),
    values: values(),
    files: await files(),
    network: await network(),
    many: await many(),
    engine: await engine(),
  };
}
