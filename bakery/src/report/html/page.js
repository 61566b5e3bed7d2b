'use strict';
// Draws a trace. Everything comes from the element `data`; text gets into the page as text, never as markup.
(() => {
  const data = JSON.parse(document.getElementById('data').textContent);
  const by = (id) => document.getElementById(id);
  const drawing = by('timeline').namespaceURI;
  const element = (parent, name, attributes, text) => {
    const made = parent instanceof SVGElement ? document.createElementNS(drawing, name) : document.createElement(name);
    for (const [key, value] of Object.entries(attributes || {})) made.setAttribute(key, value);
    if (text !== undefined) made.textContent = text;
    parent.appendChild(made);
    return made;
  };
  const ms = (ns) => (ns / 1e6).toFixed(3);
  const name = (context) => `i${context.instance} c${context.id}`;
  const count = (number, what) => `${number.toLocaleString('en')} ${what}${number === 1 ? '' : 's'}`;
  // Where a context is in the tree: a fork comes right behind what it is a fork of.
  const children = data.contexts.map(() => []);
  data.contexts.forEach((context, place) => { if (context.from !== null) children[context.from].push(place); });
  const order = [];
  const visit = [];
  data.contexts.forEach((context, place) => { if (context.from === null) visit.push([place, 0]); });
  visit.reverse();
  while (visit.length) {
    const [place, depth] = visit.pop();
    order.push([place, depth]);
    for (const child of children[place].slice().reverse()) visit.push([child, depth + 1]);
  }

  // From 0, a toss-up, to 1, certain; nothing where the trace does not say.
  const sureness = (piece, measure) => {
    if (piece.probability !== undefined && measure !== 'margin') {
      // By logarithm: from one in a hundred up.
      return Math.max(0, Math.min(1, 1 + Math.log10(Math.max(piece.probability, 1e-9)) / 2));
    }
    if (piece.margin !== undefined && measure !== 'probability') return Math.max(0, Math.min(1, piece.margin / 4));
    return undefined;
  };
  const colour = (sure) => `hsl(${Math.round(120 * sure)} 75% 68%)`;
  const explain = (context, piece) => {
    const lines = [`${name(context)}  ${ms(piece.at[0])} ms`, JSON.stringify(piece.text)];
    if (piece.read !== undefined) lines.push(`read ${count(piece.read, 'token')}`);
    if (piece.probability !== undefined) lines.push(`log-probability ${Math.log(piece.probability).toFixed(3)} (${(100 * piece.probability).toFixed(1)} %)`);
    if (piece.margin !== undefined) lines.push(`margin ${piece.margin.toFixed(3)}`);
    return lines.join('\n');
  };

  const LEFT = 150, WIDTH = 1040, LANE = 22, TOP = 22;
  // Of a trace that is too long there is the beginning, and time ends with it.
  const whole = data.counted.shown_tokens === data.counted.tokens && data.contexts.length === data.counted.contexts && data.counted.shown_pages === data.counted.pages;
  const shown = data.contexts.flatMap((context) => [context.start, ...context.tokens.slice(-1).map((piece) => piece.at[1] + 1e6)]);
  const end = Math.max(whole ? data.end : shown.reduce((last, at) => Math.max(last, at), 0), 1e6);
  const x = (at) => LEFT + (WIDTH * Math.min(at, end)) / end;
  const axis = (svg, height) => {
    svg.setAttribute('width', LEFT + WIDTH + 20);
    svg.setAttribute('height', height);
    for (let tick = 0; tick <= 8; tick++) {
      const at = (end * tick) / 8;
      element(svg, 'line', { class: 'rule', x1: x(at), x2: x(at), y1: TOP - 4, y2: height });
      element(svg, 'text', { class: 'faint', x: x(at) + 2, y: 12 }, `${(at / 1e6).toFixed(end < 8e6 ? 2 : 0)} ms`);
    }
  };
  const clear = (parent) => { while (parent.firstChild) parent.firstChild.remove(); };

  const drawTimeline = (measure) => {
    const svg = by('timeline');
    clear(svg);
    axis(svg, TOP + LANE * order.length + 8);
    const y = new Map(order.map(([place], row) => [place, TOP + LANE * row + LANE / 2]));
    for (const [place, depth] of order) {
      const context = data.contexts[place];
      const lane = element(svg, 'g', { class: 'lane', 'data-context': name(context), 'data-place': place });
      const at = y.get(place);
      const stop = context.end === null ? end : context.end;
      element(lane, 'text', { x: 4 + 10 * depth, y: at + 4 }, name(context));
      element(lane, 'line', { x1: x(context.start), x2: Math.max(x(stop), x(context.start) + 2), y1: at, y2: at });
      if (context.from !== null) {
        const from = y.get(context.from);
        element(svg, 'path', { class: 'fork', d: `M ${x(context.start)} ${from} L ${x(context.start)} ${at}`, 'data-from': name(data.contexts[context.from]), 'data-to': name(context) });
      }
      drawPieces(lane, context, at, measure);
    }
  };
  // Tokens that fall on the same spot are one box, as sure as the least sure of them.
  const drawPieces = (lane, context, at, measure) => {
    let box = null;
    const flush = () => {
      if (!box) return;
      const known = box.sure !== undefined;
      const kind = box.read ? 'read' : known ? 'token' : 'token unknown';
      const shape = element(lane, 'rect', { class: kind, x: box.x, y: at - 7, width: Math.max(box.stop - box.x, 2), height: 14 });
      if (!box.read) shape.setAttribute('fill', known ? colour(box.sure) : 'gray');
      element(shape, 'title', {}, box.many === 1 ? explain(context, box.piece) : `${name(context)}  ${count(box.many, 'token')}, from ${ms(box.piece.at[0])} ms`);
      box = null;
    };
    for (const piece of context.tokens) {
      const read = piece.read !== undefined;
      // A step takes a millisecond.
      const begin = x(piece.at[0]), stop = x(Math.min(end, piece.at[0] + 1e6)) - 0.5, sure = sureness(piece, measure);
      if (box && box.read === read && begin < box.x + 2) {
        box.many++;
        box.stop = Math.max(box.stop, stop);
        if (sure !== undefined && (box.sure === undefined || sure < box.sure)) box.sure = sure;
        continue;
      }
      flush();
      box = { x: begin, stop, sure, read, piece, many: 1 };
    }
    flush();
  };

  const drawTree = () => {
    const tree = by('tree');
    const lists = new Map();
    for (const [place] of order) {
      const context = data.contexts[place];
      const parent = context.from === null ? tree : lists.get(context.from);
      const item = element(parent, 'li', { 'data-context': name(context) });
      element(item, 'span', { class: 'name' }, name(context));
      const chosen = context.tokens.filter((piece) => piece.read === undefined).length;
      const pages = context.pages.reduce((most, [, now]) => Math.max(most, now), 0);
      const stop = context.end === null ? 'the end' : `${ms(context.end)} ms`;
      element(item, 'span', { class: 'faint' }, `  ${context.origin}, ${ms(context.start)} ms to ${stop}, ${count(chosen, 'token')}, at most ${count(pages, 'page')}`);
      if (children[place].length) lists.set(place, element(item, 'ul'));
    }
  };

  const spans = [];
  const drawHeat = () => {
    const heat = by('heat');
    for (const [place] of order) {
      const context = data.contexts[place];
      if (!context.tokens.length) continue;
      const row = element(heat, 'div', { class: 'row', 'data-context': name(context) });
      element(row, 'span', { class: 'name' }, name(context));
      const text = element(row, 'pre');
      const own = [];
      for (const piece of context.tokens) {
        const read = piece.read !== undefined;
        const span = element(text, 'span', { class: read ? 'r' : 't' }, piece.text);
        span.piece = piece;
        span.context = context;
        own.push(span);
      }
      spans.push(own);
    }
  };
  const paintHeat = (measure) => {
    for (const span of spans.flat()) {
      if (span.piece.read !== undefined) continue;
      const sure = sureness(span.piece, measure);
      span.classList.toggle('unknown', sure === undefined);
      span.style.background = sure === undefined ? '' : colour(sure);
    }
  };

  const drawPages = () => {
    const svg = by('pages');
    axis(svg, TOP + LANE * (order.length + 1) + 8);
    let most = 1;
    for (const context of data.contexts) for (const [, now] of context.pages) most = Math.max(most, now);
    order.forEach(([place], row) => {
      const context = data.contexts[place];
      const top = TOP + LANE * row;
      element(svg, 'text', { x: 4, y: top + LANE / 2 + 4 }, name(context));
      const stop = context.end === null ? end : context.end;
      context.pages.forEach(([at, now], nth) => {
        const until = nth + 1 < context.pages.length ? context.pages[nth + 1][0] : stop;
        if (!now || until <= at) return;
        const box = element(svg, 'rect', { class: 'held', 'data-context': name(context), 'data-pages': now, x: x(at), y: top + 2, width: Math.max(x(until) - x(at), 1), height: LANE - 4, fill: `rgba(var(--page), ${(0.2 + (0.8 * now) / most).toFixed(3)})` });
        element(box, 'title', {}, `${name(context)}  ${count(now, 'page')} from ${ms(at)} ms`);
      });
    });
    element(svg, 'text', { class: 'faint', x: 4, y: TOP + LANE * order.length + LANE / 2 + 4 }, `at most ${count(most, 'page')}`);
  };

  const STEP = 1000;
  let listed = [], drawn = 0;
  const drawEvents = (lines) => {
    listed = lines;
    drawn = 0;
    clear(by('events'));
    moreEvents();
  };
  const moreEvents = () => {
    const table = by('events');
    for (const [seq, at, instance, subject, text, tone] of listed.slice(drawn, drawn + STEP)) {
      const row = element(table, 'tr', { class: tone, 'data-seq': seq });
      for (const cell of [seq, ms(at), instance, subject, text]) element(row, 'td', {}, String(cell));
    }
    drawn = Math.min(listed.length, drawn + STEP);
    by('more').hidden = drawn === listed.length;
  };

  // Text is found across tokens: what a token says begins somewhere in what its context says.
  const search = () => {
    const wanted = by('search').value.toLowerCase();
    for (const hit of document.querySelectorAll('.hit')) hit.classList.remove('hit');
    if (!wanted) {
      by('found').textContent = '';
      return drawEvents(data.events);
    }
    let places = 0, first = null;
    for (const own of spans) {
      const starts = [];
      let text = '';
      for (const span of own) {
        starts.push(text.length);
        // Some letters are longer when they are small; places have to stay as they are.
        text += [...span.piece.text].map((letter) => { const small = letter.toLowerCase(); return small.length === letter.length ? small : letter; }).join('');
      }
      let token = 0;
      for (let at = text.indexOf(wanted); at >= 0; at = text.indexOf(wanted, at + wanted.length)) {
        places++;
        while (token + 1 < own.length && starts[token + 1] <= at) token++;
        for (let hit = token; hit < own.length && starts[hit] < at + wanted.length; hit++) {
          own[hit].classList.add('hit');
          first = first || own[hit];
        }
      }
    }
    const lines = data.events.filter((line) => line.slice(2, 5).join(' ').toLowerCase().includes(wanted));
    by('found').textContent = `${count(lines.length, 'event')}, ${count(places, 'place')} in tokens`;
    drawEvents(lines);
    if (first) first.scrollIntoView({ block: 'nearest' });
  };

  const about = () => {
    const root = data.instances[0];
    document.title = root ? `Trace of ${root.program}` : 'Trace';
    by('title').textContent = document.title;
    const { model, kernel, seed, engine } = data.header;
    const input = root ? `, input ${root.input}` : '';
    by('about').textContent = `model ${model} (${kernel}), seed ${seed}, engine ${engine}${input}; ${count(data.instances.length, 'instance')}, ${count(data.counted.contexts, 'context')}, ${count(data.counted.events, 'event')}, ${ms(data.end)} ms`;
    const missing = [];
    const lacks = (shown, all, what) => { if (shown < all) missing.push(`the first ${shown.toLocaleString('en')} of ${count(all, what)}`); };
    lacks(data.events.length, data.counted.events, 'event');
    lacks(data.contexts.length, data.counted.contexts, 'context');
    lacks(data.counted.shown_tokens, data.counted.tokens, 'token');
    lacks(data.counted.shown_pages, data.counted.pages, 'page change');
    if (missing.length) {
      by('notice').hidden = false;
      by('notice').textContent = `The trace is too long for a page, which has ${missing.join(', ')}. \`bakery trace show\` has all of it.`;
    }
    for (let step = 0; step <= 6; step++) element(by('legend'), 'i', { style: `background: ${colour(step / 6)}` });
    by('legend').append(' a toss-up to certain');
  };

  const measured = () => {
    const measure = by('measure').value;
    drawTimeline(measure);
    paintHeat(measure);
  };
  about();
  drawTree();
  drawHeat();
  drawPages();
  measured();
  drawEvents(data.events);
  by('measure').addEventListener('change', measured);
  by('more').addEventListener('click', moreEvents);
  let waiting = 0;
  by('search').addEventListener('input', () => { clearTimeout(waiting); waiting = setTimeout(search, 60); });
  const tip = by('tip');
  by('heat').addEventListener('mousemove', (event) => {
    const { piece, context } = event.target;
    tip.hidden = !piece;
    if (!piece) return;
    tip.textContent = explain(context, piece);
    tip.style.left = `${Math.min(event.clientX + 12, innerWidth - 440)}px`;
    tip.style.top = `${event.clientY + 16}px`;
  });
  by('heat').addEventListener('mouseleave', () => { tip.hidden = true; });
})();
