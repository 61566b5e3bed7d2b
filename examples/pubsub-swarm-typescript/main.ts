/** A swarm: members are launched, hear what the others say on a topic, and each adds a word. Whoever launched them hears too, and takes notes. */

import { Context, Model, Sampler, launch, messaging } from 'inferlet';

interface Input {
  goal: string;
  roles: string[];
  role?: string;
}

/** Where all can hear what is said, and where a member says that it listens. */
const TALK = 'talk';
const READY = 'ready';

export async function main(input: Input): Promise<string[]> {
  return input.role === undefined ? host(input) : takePart(input, input.role);
}

/** Brings the members together, opens the talk and notes what is said. */
async function host(input: Input): Promise<string[]> {
  using talk = messaging.subscribe(TALK);
  const members = input.roles.map((role) => launch('pubsub-swarm-typescript', { ...input, role }));
  // A broadcast reaches those who subscribe by then, so all have to.
  for (const _ of members) await messaging.pull(READY);
  messaging.broadcast(TALK, `We plan ${input.goal}.`);

  const notes = await heard(talk, members.length + 1);
  await Promise.all(members.map((member) => member.wait()));
  return notes;
}

/** Listens until it is this one's turn, which comes in the order of the roles, and says something that fits. */
async function takePart(input: Input, role: string): Promise<string[]> {
  using talk = messaging.subscribe(TALK);
  messaging.push(READY, role);
  const before = await heard(talk, input.roles.indexOf(role) + 1);
  using ctx = new Context(Model.load('default'));
  ctx.system(`You are the ${role}. Add one sentence to the talk.`).user(before.join('\n'));
  const said = await ctx.generate(Sampler.argmax(), { maxTokens: 48 }).collectText();
  console.log(said);
  messaging.broadcast(TALK, `${role}: ${said}`);
  return before;
}

/** The next messages, so many. */
async function heard(talk: messaging.Subscription, count: number): Promise<string[]> {
  const messages: string[] = [];
  while (messages.length < count) {
    const message = await talk.next();
    if (message === undefined) break;
    messages.push(message);
  }
  return messages;
}
