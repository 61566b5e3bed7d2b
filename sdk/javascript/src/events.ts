/** What a generation amounts to, event by event: text, thoughts, calls of tools. */

import * as chat from './chat.ts';
import type { Model } from './model.ts';
import * as reasoning from './reasoning.ts';
import * as tools from './tools.ts';

/** What {@link Generator.events} finds besides text. */
export interface EventOptions {
  /** Thoughts, apart from the text. */
  reasoning?: boolean | undefined;
  /** Calls of tools. */
  tools?: boolean | undefined;
}

/** One event of a generation. */
export type GenerationEvent =
  /** Generated text. */
  | { type: 'text'; text: string }
  /** Text of a block of reasoning. */
  | { type: 'thinking'; text: string }
  /** A block of reasoning has ended; the whole text of it. */
  | { type: 'thinkingDone'; text: string }
  /** A complete call: the tool's name, and its arguments as JSON text. */
  | { type: 'toolCall'; name: string; args: string }
  /** The generation has ended, by a stop token or at its limit; the whole text. */
  | { type: 'done'; text: string };

/** Turns generated tokens into events: those of the chat template, and of reasoning and tool calls where asked for. */
export class EventDecoder {
  #chat: chat.Decoder;
  #reasoning: reasoning.Decoder | undefined;
  #tools: tools.Decoder | undefined;
  #isThinking = false;
  #text = '';
  #isDone = false;

  /** At the beginning of a turn. */
  constructor(model: Model, options: EventOptions = {}) {
    this.#chat = new chat.Decoder(model);
    this.#reasoning = options.reasoning ? new reasoning.Decoder(model) : undefined;
    this.#tools = options.tools ? new tools.Decoder(model) : undefined;
  }

  /** Takes the next tokens, in order and each once; returns what they amount to, often nothing. */
  feed(tokens: Iterable<number>): GenerationEvent[] {
    const events: GenerationEvent[] = [];
    // One at a time, because a decoder reports one event for all that it is given.
    for (const token of tokens) this.#take(Uint32Array.of(token), events);
    return events;
  }

  /** The end of the generation, for one that ended without the token that says so. */
  finish(): GenerationEvent {
    this.#isDone = true;
    return { type: 'done', text: this.#text };
  }

  /** Whether the end was reported. */
  get isDone(): boolean {
    return this.#isDone;
  }

  #take(token: Uint32Array, events: GenerationEvent[]): void {
    const wasThinking = this.#isThinking;
    this.#think(token, events);
    const called = this.#tools?.feed(token);
    if (called?.type === 'call') events.push({ type: 'toolCall', name: called.name, args: called.args });
    const said = this.#chat.feed(token);
    if (said.type === 'delta' && !wasThinking && !this.#isThinking) {
      this.#text += said.text;
      events.push({ type: 'text', text: said.text });
    } else if (said.type === 'done') {
      events.push(this.finish());
    }
  }

  #think(token: Uint32Array, events: GenerationEvent[]): void {
    const event = this.#reasoning?.feed(token);
    if (event === undefined || event.type === 'idle') return;
    this.#isThinking = event.type !== 'end';
    if (event.type === 'delta') events.push({ type: 'thinking', text: event.text });
    else if (event.type === 'end') events.push({ type: 'thinkingDone', text: event.text });
  }
}
