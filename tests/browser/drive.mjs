// Opens a page in a headless browser and does what it is told: `node drive.mjs FOLDER URL`, steps as JSON on standard input, what came of them on standard output.
// A step is `{"evaluate": EXPRESSION}`, `{"type": [SELECTOR, TEXT]}`, `{"choose": [SELECTOR, VALUE]}` or `{"screenshot": FILE}`.
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const [, , folder, url] = process.argv;
const steps = JSON.parse(readFileSync(0, 'utf8'));
const profile = mkdtempSync(join(tmpdir(), 'browser-'));
// The font that came with the browser is all fonts; without any it ends.
writeFileSync(
  join(profile, 'fonts.conf'),
  `<?xml version="1.0"?><!DOCTYPE fontconfig SYSTEM "fonts.dtd"><fontconfig><dir>${join(folder, 'fonts')}</dir><cachedir>${join(profile, 'fonts')}</cachedir><match target="pattern"><edit name="family" mode="append" binding="weak"><string>Open Sans</string></edit></match></fontconfig>`,
);
const browser = spawn(
  join(folder, 'chromium'),
  ['--headless=shell', '--no-sandbox', '--no-zygote', '--disable-dev-shm-usage', '--remote-debugging-pipe', `--user-data-dir=${profile}`, '--force-color-profile=srgb', 'about:blank'],
  {
    stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'],
    env: { PATH: process.env.PATH, HOME: profile, LD_LIBRARY_PATH: join(folder, 'lib'), FONTCONFIG_PATH: profile },
  },
);
// Nobody waits for a browser for ever.
const deadline = setTimeout(() => { browser.kill('SIGKILL'); console.error('the browser does not answer'); process.exit(1); }, 90_000);

// Whoever ends before it is told to has failed; what is said then counts before the deadline.
let told = false;
browser.on('exit', (code, signal) => { if (!told) { console.error(`the browser ended with ${code ?? signal}`); process.exit(1); } });

let last = 0;
let unread = '';
const waiting = new Map();
const heard = [];
browser.stdio[4].setEncoding('utf8').on('data', (data) => {
  const messages = (unread + data).split('\0');
  unread = messages.pop();
  for (const message of messages.map((text) => JSON.parse(text))) {
    if (message.id) waiting.get(message.id)(message);
    else heard.push(message);
  }
});
const send = (method, params = {}, sessionId = undefined) => new Promise((resolve, reject) => {
  waiting.set(++last, ({ error, result }) => (error ? reject(new Error(`${method}: ${error.message}`)) : resolve(result)));
  browser.stdio[3].write(JSON.stringify({ id: last, method, params, sessionId }) + '\0');
});
const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

const { targetId } = await send('Target.createTarget', { url: 'about:blank' });
const { sessionId } = await send('Target.attachToTarget', { targetId, flatten: true });
const tell = (method, params) => send(method, params, sessionId);
for (const domain of ['Page', 'Network', 'Runtime', 'Log']) await tell(`${domain}.enable`);
await tell('Emulation.setDeviceMetricsOverride', { width: 1300, height: 1600, deviceScaleFactor: 1, mobile: false });
await tell('Emulation.setEmulatedMedia', { features: [{ name: 'prefers-color-scheme', value: 'light' }] });
await tell('Page.navigate', { url });
while (!heard.some(({ method }) => method === 'Page.loadEventFired')) await pause(10);

const evaluate = async (expression) => {
  const { result, exceptionDetails } = await tell('Runtime.evaluate', { expression, returnByValue: true, awaitPromise: true });
  if (exceptionDetails) throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text);
  return result.value ?? null;
};
const results = [];
for (const step of steps) {
  if (step.evaluate) results.push(await evaluate(step.evaluate));
  if (step.type) {
    await evaluate(`{ const field = document.querySelector(${JSON.stringify(step.type[0])}); field.focus(); field.select(); }`);
    await tell('Input.insertText', { text: step.type[1] });
    await pause(300);
  }
  if (step.choose) {
    await evaluate(`{ const field = document.querySelector(${JSON.stringify(step.choose[0])}); field.value = ${JSON.stringify(step.choose[1])}; field.dispatchEvent(new Event('change')); }`);
  }
  if (step.screenshot) {
    const { data } = await tell('Page.captureScreenshot', { format: 'png' });
    writeFileSync(step.screenshot, Buffer.from(data, 'base64'));
  }
}
const asked = heard.filter(({ method }) => method === 'Network.requestWillBeSent').map(({ params }) => params.request.url);
const complaints = heard
  .filter(({ method }) => method === 'Runtime.exceptionThrown' || method === 'Log.entryAdded')
  .map(({ params }) => params.exceptionDetails?.exception?.description ?? params.entry.text);
console.log(JSON.stringify({ results, asked, complaints }));
const gone = new Promise((resolve) => browser.on('exit', resolve));
// It may be gone before it answers.
told = true;
send('Browser.close').catch(() => {});
await gone;
clearTimeout(deadline);
rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
